-- Handing jobs to workers.

-- Whether batch work may be claimed. A batch job is preempted at the end of an epoch only, so
-- that a site with bursts of live work may want workers that are free already. One worker takes
-- batch work in any case: a reserve as large as the site would starve it for ever.
local function batch_allowed(root, now, policy, worker)
  if policy.reserved_live_workers == 0 then return true end
  local able = able_workers(root, now, policy)
  able[worker] = true
  local workers, batch = 0, 0
  for _ in pairs(able) do workers = workers + 1 end
  for _, job in ipairs(running_jobs(root)) do
    if job.score >= BATCH then batch = batch + 1 end
  end
  return batch < math.max(1, workers - policy.reserved_live_workers)
end

-- The batch job that has waited longest, if it is its turn: the limit of starvation.
local function overdue(root, now, policy)
  local first = redis.call('ZRANGE', root .. ':waiting', 0, 0, 'WITHSCORES')
  if not first[1] or now - tonumber(first[2]) <= policy.starvation_limit then return nil end
  if tonumber(redis.call('GET', root .. ':claims') or 0) < CLAIMS_PER_OVERDUE - 1 then
    return nil
  end
  return first[1]
end

local function next_job(root, now, policy, worker)
  local batch = batch_allowed(root, now, policy, worker)
  while true do
    local turn = batch and overdue(root, now, policy)
    local id = turn or redis.call('ZRANGE', root .. ':ready', 0, 0)[1]
    if not id then return nil end
    local job = load_or_quarantine(root, id, 'queued')
    if job and not batch and job.score >= BATCH then return nil end
    if job then
      if turn then
        redis.call('DEL', root .. ':claims')
      else
        redis.call('INCR', root .. ':claims')
      end
      return job
    end
  end
end

-- worker, instance (of the worker), device
local function claim(root, args, policy)
  local now, worker = now_ms(), args.worker
  local owner_instance = worker .. ' ' .. args.instance
  advance_clock(root, now, policy)
  for _, job in ipairs(running_jobs(root)) do
    if redis.call('HGET', job.key, 'owner_instance') == owner_instance then
      -- The reply to an earlier claim was lost.
      redis.call('ZADD', root .. ':leased', now + policy.lease, job.id)
      return { 'ok', record(root, job.id) }
    end
  end
  sweep(root, now, policy)
  if is_draining(root, worker) then return { 'draining' } end
  if redis.call('EXISTS', root .. ':queue_paused') == 1 then return { 'none' } end
  local job = next_job(root, now, policy, worker)
  if not job then return { 'none' } end
  set_state(root, job, 'running')
  out_of_ready(root, job.id)
  job.attempt = redis.call('HINCRBY', job.key, 'attempt', 1)
  local a = string.format('a:%d:', job.attempt)
  redis.call('HSET', job.key, 'owner_instance', owner_instance, a .. 'worker', worker,
    a .. 'device', args.device, a .. 'started_at', now)
  redis.call('HSETNX', job.key, 'started_at', now)
  redis.call('ZADD', root .. ':leased', now + policy.lease, job.id)
  redis.call('DEL', root .. ':wakeup:' .. worker) -- told of an earlier job
  emit(root, job, 'started')
  return { 'ok', record(root, job.id) }
end
