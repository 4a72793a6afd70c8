-- What the worker of an attempt says: heartbeats and its end.

-- Whether this attempt is the job's present one, and this worker's: the fence. Leases play no
-- part in it.
local function is_current_attempt(job, attempt, worker)
  return job.state == 'running' and job.attempt == attempt and job.worker == worker
end

-- id, attempt, worker; progress as JSON and progress_key, which changes with what is worth an
-- event: or nothing
local function heartbeat(root, args, policy)
  local now = now_ms()
  advance_clock(root, now, policy)
  local job, field = load(root, args.id)
  if not job then
    if field then quarantine(root, args.id, field) end
    return 'stale'
  end
  if not is_current_attempt(job, args.attempt, args.worker) then return 'stale' end
  redis.call('ZADD', root .. ':leased', now + policy.lease, job.id)
  if args.progress then
    local moved = redis.call('HGET', job.key, 'progress_key') ~= args.progress_key
    redis.call('HSET', job.key, job.a .. 'progress', args.progress,
      'progress_key', args.progress_key)
    if moved then emit(root, job, 'progress', args.progress) end
  end
  for _, signal in ipairs({ 'cancel', 'stop', 'preempt' }) do
    if has(job, signal .. '_requested') then return signal end
  end
  return 'go'
end

-- The finish of a stale attempt is refused, but told in the record and in the events, once.
local function record_stale(root, job, attempt, worker, outcome)
  local a = string.format('a:%d:', attempt)
  local owner = redis.call('HGET', job.key, a .. 'worker')
  if not owner then return end
  local stale_field = owner == worker and a .. 'stale' or a .. 'stale_by:' .. worker
  if redis.call('HSETNX', job.key, stale_field, outcome) == 0 then return end
  emit(root, job, 'stale')
  local reason = redis.call('HGET', job.key, a .. 'reason')
  if owner == worker and reason then
    redis.call('HSET', job.key, a .. 'reason',
      reason .. '; a stale "' .. outcome .. '" was refused')
  end
end

-- id, attempt, worker, outcome, reason; result and failure as JSON, verdict: or nothing
local function finish(root, args, policy)
  local now = now_ms()
  local attempt, worker, outcome = args.attempt, args.worker, args.outcome
  advance_clock(root, now, policy)
  local job, field = load(root, args.id)
  if not job then return no_job(root, args.id, field) end
  if not is_current_attempt(job, attempt, worker) then
    local a = string.format('a:%d:', attempt)
    local said = redis.call('HMGET', job.key, a .. 'worker', a .. 'outcome')
    if said[1] == worker and said[2] == outcome then return { 'ok', record(root, job.id) } end
    record_stale(root, job, attempt, worker, outcome)
    return { 'stale', record(root, job.id) }
  end
  if outcome == 'lost' then
    requeue_lost(root, job, now, policy, args.reason)
  elseif outcome == 'preempted' then
    end_attempt(job, now, outcome, args.reason)
    redis.call('HINCRBY', job.key, 'preemptions', 1)
    requeue(root, job, now, policy, 'preempted')
  else
    end_attempt(job, now, outcome, args.reason)
    if args.result then redis.call('HSET', job.key, 'result', args.result) end
    if args.failure then redis.call('HSET', job.key, 'failure', args.failure) end
    end_job(root, job, now, outcome, args.verdict)
  end
  return { 'ok', record(root, job.id) }
end
