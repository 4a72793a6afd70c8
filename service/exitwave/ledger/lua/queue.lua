-- Who waits for whom: waking workers, and live work before batch work.

local function notify_idle_workers(root, times)
  for _ = 1, math.min(times, WAKEUPS_KEPT) do
    redis.call('LPUSH', root .. ':wakeup', 1)
  end
  redis.call('LTRIM', root .. ':wakeup', 0, WAKEUPS_KEPT - 1)
end

local function notify_worker(root, worker)
  local key = root .. ':wakeup:' .. worker
  redis.call('LPUSH', key, 1)
  redis.call('LTRIM', key, 0, 0)
  redis.call('EXPIRE', key, WAKEUP_KEPT_S)
end

local function is_draining(root, worker)
  return redis.call('SISMEMBER', root .. ':draining', worker) == 1
end

-- Calls each(name, ms since seen, what it said) for every worker.
local function each_worker(root, now, each)
  local all = redis.call('HGETALL', root .. ':workers')
  for i = 1, #all, 2 do
    local seen, said = string.match(all[i + 1], '^(%d+) (.*)$')
    if seen then
      local known, told = pcall(cjson.decode, said)
      each(all[i], now - tonumber(seen), known and type(told) == 'table' and told or {})
    else
      redis.call('HDEL', root .. ':workers', all[i])
    end
  end
end

local function running_jobs(root)
  local jobs = {}
  for _, id in ipairs(redis.call('ZRANGE', root .. ':leased', 0, -1)) do
    jobs[#jobs + 1] = load_or_quarantine(root, id, 'running')
  end
  return jobs
end

-- Workers heard of within a lease that can take jobs, by name.
local function able_workers(root, now, policy)
  local able = {}
  each_worker(root, now, function(name, silent, said)
    if silent <= policy.lease and (said.state == 'idle' or said.state == 'busy')
        and not is_draining(root, name) then
      able[name] = true
    end
  end)
  return able
end

-- Live before batch: somebody stands at the beamline and waits for the picture, so that each
-- live job without a worker coming free has the least important batch job go back to its queue.
-- Jobs that end anyway count as free: else more would be preempted than there is live work.
local function preempt(root, now, policy)
  local live = redis.call('ZCOUNT', root .. ':ready', '-inf', '(' .. BATCH)
  if live == 0 or redis.call('EXISTS', root .. ':queue_paused') == 1 then return end
  local free = able_workers(root, now, policy)
  local candidates = {}
  for _, job in ipairs(running_jobs(root)) do
    local useful = not is_draining(root, job.worker)
    free[job.worker] = nil
    if has(job, 'cancel_requested') or has(job, 'stop_requested')
        or has(job, 'preempt_requested') then
      if useful then live = live - 1 end
    elseif useful and job.score >= BATCH and job.preemptions < policy.max_preemptions
        and now - job.started >= policy.min_run_before_preempt then
      candidates[#candidates + 1] = job
    end
  end
  for _ in pairs(free) do live = live - 1 end
  table.sort(candidates, function(one, other) return one.score > other.score end)
  for i = 1, math.min(live, #candidates) do
    local job = candidates[i]
    redis.call('HSET', job.key, 'preempt_requested', 1)
    emit(root, job, 'preempt_requested')
    notify_worker(root, job.worker)
  end
end
