-- Accepting jobs.

-- The id and request digest that an idempotency key stands for. The write makes a following
-- WAITAOF wait for the first submission, whose own reply may never have come.
local function known_key(root, key_hash)
  local known = redis.call('GET', root .. ':key:' .. key_hash)
  if not known then return nil end
  redis.call('SET', root .. ':key:' .. key_hash, known)
  return string.match(known, '^(%S+) (%S+)$')
end

-- A function that fails half way is not undone, and half a submission would wait for ever:
-- fail before the first write where a key has been overwritten with another kind.
local function check_kinds(root)
  for _, name in ipairs({ 'jobs', 'ready', 'waiting' }) do
    redis.call('ZCARD', root .. ':' .. name)
  end
  redis.call('XLEN', root .. ':events')
  redis.call('HLEN', root .. ':counts')
  redis.call('LLEN', root .. ':wakeup')
end

-- id, key_hash (of the idempotency key) or nothing, digest (of the request), spec, owner,
-- priority, scan (its uid), scan_id or nothing, tags as JSON
local function submit(root, args, policy)
  local id, key_hash, digest = args.id, args.key_hash, args.digest
  local key = job_key(root, id)
  if key_hash then
    local first, first_digest = known_key(root, key_hash)
    if first and first_digest ~= digest then return { 'other', first } end
    if first then return { 'ok', record(root, first) } end
  end
  if redis.call('EXISTS', key) == 1 then
    redis.call('HSET', key, 'id', id) -- the reply was lost; see known_key
    return { 'ok', record(root, id) }
  end
  check_kinds(root)
  local now = now_ms()
  local seq = redis.call('INCR', root .. ':seq')
  local score = args.priority * BATCH + seq
  redis.call('HSET', key, 'id', id, 'state', 'queued', 'spec', args.spec, 'owner', args.owner,
    'priority', args.priority, 'score', string.format('%.0f', score), 'seq', seq,
    'scan', args.scan, 'tags', args.tags, 'submitted_at', now,
    'attempt', 0, 'lost', 0, 'preemptions', 0)
  redis.call('ZADD', root .. ':jobs', seq, id)
  redis.call('ZADD', index_key(root, 'state', 'queued'), seq, id)
  redis.call('ZADD', index_key(root, 'owner', args.owner), seq, id)
  redis.call('ZADD', index_key(root, 'scan', args.scan), seq, id)
  if args.scan_id then
    redis.call('HSET', key, 'scan_id', args.scan_id)
    redis.call('ZADD', index_key(root, 'scan', args.scan_id), seq, id)
  end
  for _, tag in ipairs(cjson.decode(args.tags)) do
    redis.call('ZADD', index_key(root, 'tag', tag), seq, id)
  end
  if key_hash then
    redis.call('SET', root .. ':key:' .. key_hash, id .. ' ' .. digest)
    redis.call('HSET', key, 'key', key_hash)
  end
  local job = load(root, id)
  emit(root, job, 'submitted')
  make_ready(root, job, now, policy)
  return { 'ok', record(root, id) }
end

-- key_hash -> { request digest, job } or nothing
local function known(root, args)
  local id, digest = known_key(root, args.key_hash)
  if not id then return false end
  return { digest, record(root, id) }
end
