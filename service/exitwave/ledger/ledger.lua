#!lua name=exitwave
-- The job queue: one hash per job is both the record and the queue entry.
--
-- KEYS[1] is the root, for example {exitwave}; every other key begins with it, so all of
-- them share one hash slot. ARGV[1] is the version of the caller. Times are the server's,
-- in ms. JSON is passed through as text: decoding it here would turn [] into {}.
--
--   root:job:<id>    hash    the job; a:<n>:<field> are the fields of its attempt n
--   root:ready       zset    queued jobs   score = place = priority * 1e12 + seq
--   root:leased      zset    running jobs  score = time at which the lease ends
--   root:jobs        zset    every job     score = seq
--   root:seq         string  number of jobs ever submitted
--   root:key:<hash>  string  idempotency key -> "<id> <digest of the request>"
--   root:events      stream  one entry per transition or progress
--   root:bell        list    rung when a job becomes ready, so that idle workers wake
--   root:clock       string  when a worker or the ticker last called
--   root:workers     hash    name -> "<last seen> <JSON>"

local VERSION = '1'
local EVENTS_KEPT = 20000
local BELLS_KEPT = 100
local LIST_LOOKED_AT = 2000

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function job_key(root, id)
  return root .. ':job:' .. id
end

local function record(root, id)
  return redis.call('HGETALL', job_key(root, id))
end

local function emit(root, id, kind, progress)
  local job = redis.call('HMGET', job_key(root, id), 'state', 'attempt')
  redis.call('XADD', root .. ':events', 'MAXLEN', '~', EVENTS_KEPT, '*', 'job', id,
    'kind', kind, 'state', job[1], 'attempt', job[2], 'progress', progress or '')
end

local function make_ready(root, id)
  redis.call('ZADD', root .. ':ready', redis.call('HGET', job_key(root, id), 'place'), id)
  redis.call('LPUSH', root .. ':bell', id)
  redis.call('LTRIM', root .. ':bell', 0, BELLS_KEPT - 1)
end

local function end_job(root, id, now, state)
  redis.call('ZREM', root .. ':ready', id)
  redis.call('ZREM', root .. ':leased', id)
  redis.call('HSET', job_key(root, id), 'state', state, 'ended_at', now)
  redis.call('HDEL', job_key(root, id), 'holder')
  emit(root, id, 'ended')
end

local function end_attempt(root, id, attempt, now, outcome, reason)
  local a = 'a:' .. attempt .. ':'
  redis.call('HSET', job_key(root, id), a .. 'ended_at', now, a .. 'outcome', outcome,
    a .. 'reason', reason)
end

-- An attempt died. The job goes back to its own place, or has died too often.
local function lose(root, id, now, max_lost, reason)
  local key = job_key(root, id)
  end_attempt(root, id, redis.call('HGET', key, 'attempt'), now, 'lost', reason)
  local lost = redis.call('HINCRBY', key, 'lost', 1)
  if redis.call('HEXISTS', key, 'cancel_requested') == 1 then
    return end_job(root, id, now, 'cancelled')
  end
  if lost >= max_lost then
    local message = 'lost ' .. lost .. ' attempts; the last one: ' .. reason
    redis.call('HSET', key, 'failure', cjson.encode({ slug = 'attempts-lost', message = message }))
    return end_job(root, id, now, 'dead')
  end
  redis.call('ZREM', root .. ':leased', id)
  redis.call('HSET', key, 'state', 'queued')
  redis.call('HDEL', key, 'holder', 'progress', 'progress_mark')
  make_ready(root, id)
  emit(root, id, 'requeued')
end

-- Stop the clock: if nobody called for half a lease, or time went backwards, it was the
-- queue that was away and not its workers, so every lease begins anew.
local function advance_clock(root, now, lease)
  local last = tonumber(redis.call('GET', root .. ':clock') or now)
  if now < last or now - last > lease / 2 then
    for _, id in ipairs(redis.call('ZRANGE', root .. ':leased', 0, -1)) do
      redis.call('ZADD', root .. ':leased', now + lease, id)
    end
  end
  redis.call('SET', root .. ':clock', now)
end

local function sweep(root, now, max_lost)
  local silent = redis.call('ZRANGEBYSCORE', root .. ':leased', '-inf', now)
  for _, id in ipairs(silent) do
    local key = job_key(root, id)
    local worker = redis.call('HGET', key, 'a:' .. redis.call('HGET', key, 'attempt') .. ':worker')
    lose(root, id, now, max_lost, 'worker ' .. worker .. ' was silent for longer than its lease')
  end
end

-- Whether this attempt may speak for the job: the fence. Leases play no part in it.
local function speaks_for(root, id, attempt)
  local job = redis.call('HMGET', job_key(root, id), 'state', 'attempt')
  return job[1] == 'running' and job[2] == attempt
end

-- id, idempotency hash or '', request digest, spec, owner, priority, scan uid, scan id
local function submit(root, args)
  local id, idempotency, digest = args[1], args[2], args[3]
  if idempotency ~= '' then
    local known = redis.call('GET', root .. ':key:' .. idempotency)
    if known then
      local first, first_digest = string.match(known, '^(%S+) (%S+)$')
      if first_digest ~= digest then return { 'other', first } end
      return { 'known', record(root, first) }
    end
  end
  if redis.call('EXISTS', job_key(root, id)) == 1 then return { 'known', record(root, id) } end
  local seq = redis.call('INCR', root .. ':seq')
  local place = string.format('%.0f', tonumber(args[6]) * 1e12 + seq)
  redis.call('HSET', job_key(root, id), 'id', id, 'state', 'queued', 'spec', args[4],
    'owner', args[5], 'place', place, 'seq', seq, 'scan', args[7], 'scan_id', args[8],
    'submitted_at', now_ms(), 'attempt', 0, 'lost', 0)
  redis.call('ZADD', root .. ':jobs', seq, id)
  if idempotency ~= '' then
    redis.call('SET', root .. ':key:' .. idempotency, id .. ' ' .. digest)
    redis.call('HSET', job_key(root, id), 'key', idempotency)
  end
  make_ready(root, id)
  emit(root, id, 'submitted')
  return { 'new', record(root, id) }
end

-- worker, instance of the worker, device, lease, max_lost
local function claim(root, args)
  local now, lease = now_ms(), tonumber(args[4])
  local holder = args[1] .. ' ' .. args[2]
  advance_clock(root, now, lease)
  for _, id in ipairs(redis.call('ZRANGE', root .. ':leased', 0, -1)) do
    if redis.call('HGET', job_key(root, id), 'holder') == holder then
      -- The reply to an earlier claim was lost.
      redis.call('ZADD', root .. ':leased', now + lease, id)
      return record(root, id)
    end
  end
  sweep(root, now, tonumber(args[5]))
  local first = redis.call('ZPOPMIN', root .. ':ready')
  if not first[1] then return false end
  local id = first[1]
  local key = job_key(root, id)
  local a = 'a:' .. redis.call('HINCRBY', key, 'attempt', 1) .. ':'
  redis.call('HSET', key, 'state', 'running', 'holder', holder, a .. 'worker', args[1],
    a .. 'device', args[3], a .. 'started_at', now)
  redis.call('HSETNX', key, 'started_at', now)
  redis.call('ZADD', root .. ':leased', now + lease, id)
  emit(root, id, 'started')
  return record(root, id)
end

-- id, attempt, worker, lease, progress or '', mark of the progress
local function beat(root, args)
  local now, lease = now_ms(), tonumber(args[4])
  local id, attempt = args[1], args[2]
  local key = job_key(root, id)
  advance_clock(root, now, lease)
  if not speaks_for(root, id, attempt)
      or redis.call('HGET', key, 'a:' .. attempt .. ':worker') ~= args[3] then
    return 'stale'
  end
  redis.call('ZADD', root .. ':leased', now + lease, id)
  if args[5] ~= '' then
    local moved = redis.call('HGET', key, 'progress_mark') ~= args[6]
    redis.call('HSET', key, 'progress', args[5], 'progress_mark', args[6])
    if moved then emit(root, id, 'progress', args[5]) end
  end
  if redis.call('HEXISTS', key, 'cancel_requested') == 1 then return 'cancel' end
  return 'go'
end

-- id, attempt, outcome, result or '', failure or '', reason, lease, max_lost
local function finish(root, args)
  local now = now_ms()
  local id, attempt, outcome = args[1], args[2], args[3]
  local key = job_key(root, id)
  if redis.call('EXISTS', key) == 0 then return { 'missing' } end
  advance_clock(root, now, tonumber(args[7]))
  if not speaks_for(root, id, attempt) then
    local a = 'a:' .. attempt .. ':'
    local ended = redis.call('HGET', key, a .. 'outcome')
    if ended == outcome then return { 'ok', record(root, id) } end
    if ended and redis.call('HSETNX', key, a .. 'late', outcome) == 1 then
      local reason = redis.call('HGET', key, a .. 'reason')
      redis.call('HSET', key, a .. 'reason', reason .. '; a late "' .. outcome .. '" was refused')
    end
    return { 'stale', record(root, id) }
  end
  if outcome == 'lost' then
    lose(root, id, now, tonumber(args[8]), args[6])
  else
    end_attempt(root, id, attempt, now, outcome, args[6])
    if args[4] ~= '' then redis.call('HSET', key, 'result', args[4]) end
    if args[5] ~= '' then redis.call('HSET', key, 'failure', args[5]) end
    end_job(root, id, now, outcome)
  end
  return { 'ok', record(root, id) }
end

-- id
local function cancel(root, args)
  local id = args[1]
  local key = job_key(root, id)
  local state = redis.call('HGET', key, 'state')
  if not state then return { 'missing' } end
  if state == 'queued' then
    end_job(root, id, now_ms(), 'cancelled')
  elseif state == 'running' then
    if redis.call('HSETNX', key, 'cancel_requested', 1) == 1 then
      emit(root, id, 'cancel_requested')
    end
  elseif state ~= 'cancelled' then
    return { 'ended', state }
  end
  return { 'ok', record(root, id) }
end

-- lease, max_lost, age in ms after which a silent worker is forgotten
local function tick(root, args)
  local now = now_ms()
  advance_clock(root, now, tonumber(args[1]))
  sweep(root, now, tonumber(args[2]))
  local workers = redis.call('HGETALL', root .. ':workers')
  for i = 1, #workers, 2 do
    if now - tonumber(string.match(workers[i + 1], '^%d+')) > tonumber(args[3]) then
      redis.call('HDEL', root .. ':workers', workers[i])
    end
  end
  return 'ok'
end

-- worker, JSON or '' to forget it
local function presence(root, args)
  if args[2] == '' then
    redis.call('HDEL', root .. ':workers', args[1])
  else
    redis.call('HSET', root .. ':workers', args[1], now_ms() .. ' ' .. args[2])
  end
  return 'ok'
end

-- id
local function get(root, args)
  return record(root, args[1])
end

-- idempotency hash -> { id, request digest } or nothing
local function known(root, args)
  local known = redis.call('GET', root .. ':key:' .. args[1])
  if not known then return false end
  local id, digest = string.match(known, '^(%S+) (%S+)$')
  return { digest, record(root, id) }
end

-- seq to start below or 'inf', limit, state or '', scan or ''. Newest first. A page may be
-- short and still have a successor: the number of records looked at in one call is bounded.
local function list(root, args)
  local below, limit, state, scan = args[1], tonumber(args[2]), args[3], args[4]
  local upper = below == 'inf' and '+inf' or '(' .. below
  local ids = redis.call('ZREVRANGEBYSCORE', root .. ':jobs', upper, '-inf', 'WITHSCORES',
    'LIMIT', 0, LIST_LOOKED_AT)
  local page, more = {}, ''
  for i = 1, #ids, 2 do
    local job = redis.call('HMGET', job_key(root, ids[i]), 'state', 'scan', 'scan_id')
    if (state == '' or job[1] == state) and (scan == '' or job[2] == scan or job[3] == scan) then
      page[#page + 1] = record(root, ids[i])
    end
    if #page == limit or (i + 1) / 2 == LIST_LOOKED_AT then
      more = ids[i + 1]
      break
    end
  end
  if more ~= '' and redis.call('ZCOUNT', root .. ':jobs', '-inf', '(' .. more) == 0 then
    more = ''
  end
  return { more, page }
end

-- age in ms
local function workers(root, args)
  local now, fresh = now_ms(), {}
  local workers = redis.call('HGETALL', root .. ':workers')
  for i = 1, #workers, 2 do
    local seen, json = string.match(workers[i + 1], '^(%d+) (.*)$')
    if now - tonumber(seen) <= tonumber(args[1]) then
      fresh[#fresh + 1] = { seen, json }
    end
  end
  return fresh
end

local function register(name, body, flags)
  redis.register_function({
    function_name = 'exitwave_' .. name,
    callback = function(keys, args)
      if table.remove(args, 1) ~= VERSION then
        return redis.error_reply('EXITWAVEVERSION ' .. VERSION)
      end
      return body(keys[1], args)
    end,
    flags = flags,
  })
end

register('submit', submit, {})
register('claim', claim, {})
register('beat', beat, {})
register('finish', finish, {})
register('cancel', cancel, {})
register('tick', tick, {})
register('presence', presence, {})
register('get', get, { 'no-writes' })
register('known', known, { 'no-writes' })
register('list', list, { 'no-writes' })
register('workers', workers, { 'no-writes' })
