-- Workers, the clock that their leases run by, and what happens every second.

-- Stop the clock: if nobody called for half a lease, or time went backwards, it was the
-- queue that was away and not its workers, so every lease begins anew.
local function advance_clock(root, now, policy)
  local last = tonumber(redis.call('GET', root .. ':clock')) or now
  if now < last or now - last > policy.lease / 2 then
    for _, id in ipairs(redis.call('ZRANGE', root .. ':leased', 0, -1)) do
      redis.call('ZADD', root .. ':leased', now + policy.lease, id)
    end
  end
  redis.call('SET', root .. ':clock', now)
end

local function sweep(root, now, policy)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', root .. ':leased', '-inf', now)) do
    local job = load_or_quarantine(root, id, 'running')
    if job then
      requeue_lost(root, job, now, policy,
        'worker ' .. job.worker .. ' was silent for longer than its lease')
    end
  end
end

-- Retention: by age, then by count, a bounded number at a time.
local function purge_old(root, now, policy)
  local ended = root .. ':ended'
  local old = redis.call('ZRANGEBYSCORE', ended, '-inf', now - policy.keep, 'LIMIT', 0,
    PURGED_PER_TICK)
  local left = redis.call('ZCARD', ended) - policy.keep_jobs
  if #old < PURGED_PER_TICK and left > #old then
    old = redis.call('ZRANGE', ended, 0, math.min(left, PURGED_PER_TICK) - 1)
  end
  for _, id in ipairs(old) do purge(root, id) end
end

-- worker, info as JSON or nothing to forget the worker
local function register_worker(root, args)
  if args.info then
    redis.call('HSET', root .. ':workers', args.worker, now_ms() .. ' ' .. args.info)
  else
    redis.call('HDEL', root .. ':workers', args.worker)
    redis.call('SREM', root .. ':draining', args.worker)
  end
  return 'ok'
end

-- id, found unreadable by a worker
local function quarantine_job(root, args)
  quarantine(root, args.id, 'record')
  return 'ok'
end

-- worker, draining
local function drain(root, args, policy)
  if redis.call('HEXISTS', root .. ':workers', args.worker) == 0 then return { 'missing' } end
  if args.draining then
    redis.call('SADD', root .. ':draining', args.worker)
    preempt(root, now_ms(), policy)
  else
    redis.call('SREM', root .. ':draining', args.worker)
    notify_idle_workers(root, 1)
  end
  notify_worker(root, args.worker)
  return { 'ok' }
end

-- silence_ms after which a worker is forgotten
local function tick(root, args, policy)
  local now = now_ms()
  advance_clock(root, now, policy)
  sweep(root, now, policy)
  each_worker(root, now, function(name, silent)
    if silent > args.silence_ms then
      redis.call('HDEL', root .. ':workers', name)
      redis.call('SREM', root .. ':draining', name)
    end
  end)
  preempt(root, now, policy)
  purge_old(root, now, policy)
  return 'ok'
end
