-- Looking without writing.

-- id
local function get(root, args)
  return record(root, args.id)
end

-- limit (of the next jobs) -> paused, running, submission of the oldest that waits or nothing,
-- how many wait with priority 0 to 9, { id, priority, id, priority, ... } of the next ones
local function queue(root, args)
  local ready = redis.call('ZRANGE', root .. ':ready', 0, args.limit - 1, 'WITHSCORES')
  for i = 2, #ready, 2 do ready[i] = math.floor(tonumber(ready[i]) / BATCH) end
  local depths = {}
  for priority = 0, 9 do
    local from, below = priority * BATCH, '(' .. (priority + 1) * BATCH
    depths[priority + 1] = redis.call('ZCOUNT', root .. ':ready', from, below)
      + redis.call('ZCOUNT', root .. ':paused', from, below)
  end
  local oldest = redis.call('ZRANGE', index_key(root, 'state', 'queued'), 0, 0)[1]
  local since = oldest and kind_of(job_key(root, oldest)) == 'hash'
    and redis.call('HGET', job_key(root, oldest), 'submitted_at')
  return {
    redis.call('EXISTS', root .. ':queue_paused'),
    redis.call('ZCARD', root .. ':leased'),
    since or false,
    depths,
    ready,
  }
end

-- below (a seq) or nothing, limit, filters (value by kind of index). Newest first. The
-- smallest index is walked and the others asked. A page may be short and still have a
-- successor: the number of jobs looked at in one call is bounded.
local function list(root, args)
  local walked, others = root .. ':jobs', {}
  for kind, value in pairs(args.filters) do
    local index = index_key(root, kind, value)
    if redis.call('ZCARD', index) < redis.call('ZCARD', walked) then
      walked, index = index, walked
    end
    others[#others + 1] = index
  end
  local upper = args.below and '(' .. args.below or '+inf'
  local ids = redis.call('ZREVRANGEBYSCORE', walked, upper, '-inf', 'WITHSCORES', 'LIMIT', 0,
    LIST_LOOKED_AT)
  local page, more = {}, ''
  for i = 1, #ids, 2 do
    local matches = true
    for _, index in ipairs(others) do
      matches = matches and redis.call('ZSCORE', index, ids[i])
    end
    if matches then page[#page + 1] = { ids[i], record(root, ids[i]) } end
    if #page == args.limit or (i + 1) / 2 == LIST_LOOKED_AT then
      more = ids[i + 1]
      break
    end
  end
  if more ~= '' and redis.call('ZCOUNT', walked, '-inf', '(' .. more) == 0 then more = '' end
  return { more, page }
end

-- silence_ms at most -> { last seen, JSON, whether it drains } of each worker
local function workers(root, args)
  local now, fresh = now_ms(), {}
  local all = redis.call('HGETALL', root .. ':workers')
  for i = 1, #all, 2 do
    local seen, said = string.match(all[i + 1], '^(%d+) (.*)$')
    if seen and now - tonumber(seen) <= args.silence_ms then
      fresh[#fresh + 1] = { seen, said, is_draining(root, all[i]) and 1 or 0 }
    end
  end
  return fresh
end
