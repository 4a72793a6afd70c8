-- What people ask for.

-- id
local function cancel(root, args)
  local job, field = load(root, args.id)
  if not job then return no_job(root, args.id, field) end
  if job.state == 'queued' then
    end_job(root, job, now_ms(), 'cancelled')
  elseif job.state == 'running' then
    if redis.call('HSETNX', job.key, 'cancel_requested', 1) == 1 then
      emit(root, job, 'cancel_requested')
    end
    notify_worker(root, job.worker)
  elseif job.state ~= 'cancelled' then
    return { 'not', job.state }
  end
  return { 'ok', record(root, job.id) }
end

-- id. Once a stop was asked for, asking again is fine whatever came of it.
local function stop(root, args)
  local job, field = load(root, args.id)
  if not job then return no_job(root, args.id, field) end
  if not has(job, 'stop_requested') then
    if job.state ~= 'running' then return { 'not', job.state } end
    redis.call('HSET', job.key, 'stop_requested', 1)
    emit(root, job, 'stop_requested')
  end
  if job.state == 'running' then notify_worker(root, job.worker) end
  return { 'ok', record(root, job.id) }
end

-- id, priority
local function reprioritise(root, args, policy)
  local job, field = load(root, args.id)
  if not job then return no_job(root, args.id, field) end
  if job.ended then return { 'not', job.state } end
  local priority = args.priority
  if priority == job.priority then return { 'ok', record(root, job.id) } end
  local now, since = now_ms(), redis.call('ZSCORE', root .. ':waiting', job.id)
  job.score = priority * BATCH + job.seq
  redis.call('HSET', job.key, 'priority', priority, 'score', string.format('%.0f', job.score))
  emit(root, job, 'reprioritised')
  if has(job, 'paused') then
    redis.call('ZADD', root .. ':paused', job.score, job.id)
  elseif job.state == 'queued' then
    make_ready(root, job, since or now, policy)
  elseif job.score < BATCH then
    redis.call('HDEL', job.key, 'preempt_requested') -- live now: nothing preempts it
  end
  return { 'ok', record(root, job.id) }
end

-- id, paused: whether nobody is to claim it for now
local function pause(root, args, policy)
  local job, field = load(root, args.id)
  if not job then return no_job(root, args.id, field) end
  if job.state ~= 'queued' then return { 'not', job.state } end
  local paused = has(job, 'paused')
  if args.paused and not paused then
    out_of_ready(root, job.id)
    redis.call('ZADD', root .. ':paused', job.score, job.id)
    redis.call('HSET', job.key, 'paused', 1)
    emit(root, job, 'paused')
  elseif paused and not args.paused then
    redis.call('ZREM', root .. ':paused', job.id)
    redis.call('HDEL', job.key, 'paused')
    emit(root, job, 'resumed')
    make_ready(root, job, now_ms(), policy)
  end
  return { 'ok', record(root, job.id) }
end

-- paused
local function pause_queue(root, args, policy)
  if args.paused then
    redis.call('SET', root .. ':queue_paused', 1)
  elseif redis.call('DEL', root .. ':queue_paused') == 1 then
    notify_idle_workers(root, redis.call('ZCARD', root .. ':ready'))
    preempt(root, now_ms(), policy)
  end
  return 'ok'
end

-- id. Only what has ended, or cannot be read.
local function delete(root, args)
  local id = args.id
  local job, field = load(root, id)
  local gone = root .. ':deleted:' .. id
  if not job and not field then
    return redis.call('EXISTS', gone) == 1 and { 'ok' } or { 'missing' }
  end
  local corrupt = field or redis.call('ZSCORE', root .. ':quarantined', id)
  if job and not job.ended and not corrupt then return { 'not', job.state } end
  purge(root, id)
  redis.call('SET', gone, 1, 'EX', DELETION_KEPT_S)
  return { 'ok' }
end
