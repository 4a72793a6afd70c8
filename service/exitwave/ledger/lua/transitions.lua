-- What changes a job's state, and what each change takes with it.

-- Put a queued job where it belongs.
local function make_ready(root, job, now, policy)
  redis.call('ZADD', root .. ':ready', job.score, job.id)
  if job.score >= BATCH then
    redis.call('ZADD', root .. ':waiting', now, job.id)
  else
    redis.call('ZREM', root .. ':waiting', job.id)
  end
  notify_idle_workers(root, 1)
  if job.score < BATCH then preempt(root, now, policy) end
end

local function end_job(root, job, now, state, verdict)
  set_state(root, job, state)
  out_of_ready(root, job.id)
  redis.call('ZREM', root .. ':paused', job.id)
  redis.call('ZREM', root .. ':leased', job.id)
  redis.call('ZADD', root .. ':ended', now, job.id)
  redis.call('HSET', job.key, 'ended_at', now)
  redis.call('HDEL', job.key, 'owner_instance', 'paused', 'preempt_requested')
  emit(root, job, 'ended', nil, verdict)
end

local function end_attempt(job, now, outcome, reason)
  redis.call('HSET', job.key, job.a .. 'ended_at', now, job.a .. 'outcome', outcome,
    job.a .. 'reason', reason)
end

-- A running job goes back to where it stood, unless it was to be cancelled.
local function requeue(root, job, now, policy, kind)
  if has(job, 'cancel_requested') then return end_job(root, job, now, 'cancelled') end
  set_state(root, job, 'queued')
  redis.call('ZREM', root .. ':leased', job.id)
  redis.call('HDEL', job.key, 'owner_instance', 'preempt_requested', 'progress_key')
  emit(root, job, kind)
  make_ready(root, job, now, policy)
end

-- An attempt died. The job goes back to where it stood, or has died too often.
local function requeue_lost(root, job, now, policy, reason)
  end_attempt(job, now, 'lost', reason)
  local lost = redis.call('HINCRBY', job.key, 'lost', 1)
  redis.call('HINCRBY', root .. ':counts', 'lost', 1)
  if lost >= policy.max_lost_attempts and not has(job, 'cancel_requested') then
    local message = 'lost ' .. lost .. ' attempts; the last one: ' .. reason
    redis.call('HSET', job.key, 'failure',
      cjson.encode({ slug = 'attempts-lost', message = message }))
    return end_job(root, job, now, 'dead')
  end
  requeue(root, job, now, policy, 'requeued')
end

-- Purge an ended or corrupt job: every key and index entry goes.
local function purge(root, id)
  local key = job_key(root, id)
  if kind_of(key) == 'hash' then
    local job = redis.call('HMGET', key, 'key', 'scan', 'scan_id', 'owner', 'tags')
    if job[1] then redis.call('DEL', root .. ':key:' .. job[1]) end
    if job[2] then redis.call('ZREM', index_key(root, 'scan', job[2]), id) end
    if job[3] then redis.call('ZREM', index_key(root, 'scan', job[3]), id) end
    if job[4] then redis.call('ZREM', index_key(root, 'owner', job[4]), id) end
    local known, tags = pcall(cjson.decode, job[5] or '')
    for _, tag in ipairs(known and type(tags) == 'table' and tags or {}) do
      redis.call('ZREM', index_key(root, 'tag', tag), id)
    end
  end
  for state in pairs(TRANSITIONS) do
    redis.call('ZREM', index_key(root, 'state', state), id)
  end
  local sets = { 'jobs', 'ready', 'waiting', 'paused', 'leased', 'ended', 'quarantined' }
  for _, name in ipairs(sets) do
    redis.call('ZREM', root .. ':' .. name, id)
  end
  redis.call('DEL', key)
end
