-- Records of jobs, their state, and the events that tell of them.

-- Every change of state there is, from and to; schema/job.py has the same table.
local TRANSITIONS = {
  queued = { running = true, cancelled = true },
  running = { queued = true, succeeded = true, failed = true, cancelled = true, dead = true },
  succeeded = {},
  failed = {},
  cancelled = {},
  dead = {},
}

-- All fields, or what cannot be taken for a job where somebody put something else there.
local function record(root, id)
  local kind = kind_of(job_key(root, id))
  if kind == 'hash' then return redis.call('HGETALL', job_key(root, id)) end
  if kind == 'none' and not redis.call('ZSCORE', root .. ':jobs', id) then return {} end
  return { 'record', kind }
end

-- What the rules below need of a job: nil if there is none, nil and a field if corrupt.
local function load(root, id)
  local key = job_key(root, id)
  local kind = kind_of(key)
  if kind == 'none' and not redis.call('ZSCORE', root .. ':jobs', id) then return nil end
  if kind ~= 'hash' then return nil, 'record' end
  local job = { id = id, key = key }
  local texts = redis.call('HMGET', key, 'id', 'state', unpack(NUMBERS))
  if texts[1] ~= id then return nil, 'id' end
  job.state = texts[2]
  if not TRANSITIONS[job.state] then return nil, 'state' end
  for i, name in ipairs(NUMBERS) do
    local value = tonumber(texts[i + 2])
    if not value or value < 0 or value % 1 ~= 0 then return nil, name end
    job[name] = value
  end
  job.ended = job.state ~= 'queued' and job.state ~= 'running'
  if job.attempt > 0 then
    job.a = string.format('a:%d:', job.attempt)
    local attempt = redis.call('HMGET', key, job.a .. 'worker', job.a .. 'started_at')
    job.worker, job.started = attempt[1], tonumber(attempt[2])
    if not job.worker then return nil, job.a .. 'worker' end
    if not job.started then return nil, job.a .. 'started_at' end
  end
  return job
end

local function has(job, field)
  return redis.call('HEXISTS', job.key, field) == 1
end

local function emit(root, job, kind, progress, verdict)
  redis.call('XADD', root .. ':events', 'MAXLEN', '~', EVENTS_KEPT, '*', 'job', job.id,
    'owner', redis.call('HGET', job.key, 'owner') or '', 'kind', kind, 'state', job.state,
    'attempt', string.format('%d', job.attempt), 'progress', progress or '',
    'verdict', verdict or '')
  local counted = kind == 'ended' and 'ended:' .. job.state or kind
  redis.call('HINCRBY', root .. ':counts', counted, 1)
end

-- The one place that changes the state of a job. To be called before the change's other
-- writes: a function that fails half way is not undone.
local function set_state(root, job, state)
  if not TRANSITIONS[job.state][state] then
    error('job ' .. job.id .. ': found a change of state from ' .. job.state .. ' to ' .. state
      .. '; expected one of TRANSITIONS')
  end
  redis.call('ZREM', index_key(root, 'state', job.state), job.id)
  redis.call('ZADD', index_key(root, 'state', state), job.seq, job.id)
  redis.call('HSET', job.key, 'state', state)
  job.state = state
end

local function out_of_ready(root, id)
  redis.call('ZREM', root .. ':ready', id)
  redis.call('ZREM', root .. ':waiting', id)
end

-- A corrupt record waits for a person: nobody claims it, nobody sweeps it.
local function quarantine(root, id, field)
  out_of_ready(root, id)
  redis.call('ZREM', root .. ':paused', id)
  redis.call('ZREM', root .. ':leased', id)
  if redis.call('ZADD', root .. ':quarantined', now_ms(), id) == 1 then
    redis.log(redis.LOG_WARNING,
      'exitwave: job ' .. id .. ' quarantined: ' .. field .. ' is corrupt')
  end
end

-- A job that stands in a sorted set of jobs of that state.
local function load_or_quarantine(root, id, state)
  local job, field = load(root, id)
  if job and job.state == state then return job end
  quarantine(root, id, field or job and 'state' or 'record')
  return nil
end

-- What a call about one job answers when there is no such job, or its record is corrupt.
local function no_job(root, id, field)
  if not field then return { 'missing' } end
  quarantine(root, id, field)
  return { 'corrupt', field }
end
