#!lua name=exitwave
-- The job queue: one hash per job is both the record and the queue entry.
--
-- KEYS[1] is the root, for example {exitwave}; every other key begins with it, so all of
-- them share one hash slot. ARGV[1] is the version of the caller, ARGV[2] its policy (lease
-- and limits) as JSON. Times are the server's, in ms. Other JSON is passed through as text:
-- decoding it here would turn [] into {}.
--
--   root:job:<id>       hash    the job; a:<n>:<field> are the fields of its attempt n
--   root:ready          zset    queued jobs   score = place = priority * 1e12 + seq
--   root:waiting        zset    the batch jobs in ready   score = waiting since
--   root:paused         zset    queued jobs that are held back   score = place
--   root:leased         zset    running jobs  score = time at which the lease ends
--   root:ended          zset    ended jobs    score = time at which they ended
--   root:damaged        zset    jobs set aside because their record cannot be read
--   root:jobs           zset    every job     score = seq
--   root:by:<kind>:<x>  zset    the jobs of state, scan, tag or owner x   score = seq
--   root:seq            string  number of jobs ever submitted
--   root:claims         string  claims since the longest waiting batch job was looked at
--   root:key:<hash>     string  idempotency key -> "<id> <digest of the request>"
--   root:deleted:<id>   string  expires; lets a repeated delete succeed
--   root:events         stream  one entry per transition or progress
--   root:counts         hash    kind of event, ended:<state> or lost -> how many so far
--   root:bell           list    rung when a job becomes ready, so that idle workers wake
--   root:ctl:<worker>   list    rung when that worker is to look; expires
--   root:clock          string  when a worker or the ticker last called
--   root:workers        hash    name -> "<last seen> <JSON>"
--   root:draining       set     workers that are to claim no further job
--   root:queue_paused   string  there while no job is to be claimed
--   root:version        string  version of the layout of these keys
--   root:triggers       hash    where each trigger stands
--   root:keys, root:code:<hash>, root:session:<hash>   who may call, see keys.py

local VERSION = '2'
local EVENTS_KEPT = 20000
local BELLS_KEPT = 100
local RING_KEPT_S = 60
local LIST_LOOKED_AT = 2000
local FORGOTTEN_PER_TICK = 100
local CLAIMS_PER_STARVED = 10
local BATCH = 1e12 -- places from here on belong to priorities 1 to 9
local STATES = { 'queued', 'running', 'succeeded', 'failed', 'cancelled', 'dead' }
local NUMBERS = { 'attempt', 'priority', 'place', 'seq', 'lost', 'yields' }

---------------------------------------------------------------------------------------------
-- Records

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function job_key(root, id)
  return root .. ':job:' .. id
end

local function index_key(root, kind, value)
  return root .. ':by:' .. kind .. ':' .. value
end

local function kind_of(key)
  return redis.call('TYPE', key).ok
end

-- All fields, or what cannot be taken for a job where somebody put something else there.
local function record(root, id)
  local kind = kind_of(job_key(root, id))
  if kind == 'hash' then return redis.call('HGETALL', job_key(root, id)) end
  if kind == 'none' and not redis.call('ZSCORE', root .. ':jobs', id) then return {} end
  return { 'record', kind }
end

local function is_state(text)
  for _, state in ipairs(STATES) do
    if text == state then return true end
  end
  return false
end

-- What the rules below need of a job: nil if there is none, nil and a field if damaged.
local function load(root, id)
  local key = job_key(root, id)
  local kind = kind_of(key)
  if kind == 'none' and not redis.call('ZSCORE', root .. ':jobs', id) then return nil end
  if kind ~= 'hash' then return nil, 'record' end
  local job = { id = id, key = key }
  local texts = redis.call('HMGET', key, 'id', 'state', unpack(NUMBERS))
  if texts[1] ~= id then return nil, 'id' end
  job.state = texts[2]
  if not is_state(job.state) then return nil, 'state' end
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

local function set_state(root, job, state)
  redis.call('ZREM', index_key(root, 'state', job.state), job.id)
  redis.call('ZADD', index_key(root, 'state', state), job.seq, job.id)
  redis.call('HSET', job.key, 'state', state)
  job.state = state
end

local function out_of_ready(root, id)
  redis.call('ZREM', root .. ':ready', id)
  redis.call('ZREM', root .. ':waiting', id)
end

-- A damaged record waits for a person: nobody claims it, nobody sweeps it.
local function set_aside(root, id, field)
  out_of_ready(root, id)
  redis.call('ZREM', root .. ':paused', id)
  redis.call('ZREM', root .. ':leased', id)
  if redis.call('ZADD', root .. ':damaged', now_ms(), id) == 1 then
    redis.log(redis.LOG_WARNING, 'exitwave: job ' .. id .. ' set aside: ' .. field .. ' is damaged')
  end
end

local function load_or_set_aside(root, id)
  local job, field = load(root, id)
  if not job then set_aside(root, id, field or 'record') end
  return job
end

-- What a call about one job answers when there is no such job, or its record is damaged.
local function no_job(root, id, field)
  if not field then return { 'missing' } end
  set_aside(root, id, field)
  return { 'damaged', field }
end

---------------------------------------------------------------------------------------------
-- Ringing

local function ring_idle(root, times)
  for _ = 1, math.min(times, BELLS_KEPT) do
    redis.call('LPUSH', root .. ':bell', 1)
  end
  redis.call('LTRIM', root .. ':bell', 0, BELLS_KEPT - 1)
end

local function ring_worker(root, worker)
  local key = root .. ':ctl:' .. worker
  redis.call('LPUSH', key, 1)
  redis.call('LTRIM', key, 0, 0)
  redis.call('EXPIRE', key, RING_KEPT_S)
end

---------------------------------------------------------------------------------------------
-- Workers and running jobs

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
    jobs[#jobs + 1] = load_or_set_aside(root, id)
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

-- Live before batch: for each live job that waits and has no worker coming free, ask the
-- least important batch job to yield.
local function make_way(root, now, policy)
  local live = redis.call('ZCOUNT', root .. ':ready', '-inf', '(' .. BATCH)
  if live == 0 or redis.call('EXISTS', root .. ':queue_paused') == 1 then return end
  local free = able_workers(root, now, policy)
  local candidates = {}
  for _, job in ipairs(running_jobs(root)) do
    local useful = not is_draining(root, job.worker)
    free[job.worker] = nil
    if has(job, 'cancel_requested') or has(job, 'stop_requested')
        or has(job, 'yield_requested') then
      if useful then live = live - 1 end
    elseif useful and job.place >= BATCH and job.yields < policy.max_yields
        and now - job.started >= policy.min_run then
      candidates[#candidates + 1] = job
    end
  end
  for _ in pairs(free) do live = live - 1 end
  table.sort(candidates, function(one, other) return one.place > other.place end)
  for i = 1, math.min(live, #candidates) do
    local job = candidates[i]
    redis.call('HSET', job.key, 'yield_requested', 1)
    emit(root, job, 'yield_requested')
    ring_worker(root, job.worker)
  end
end

---------------------------------------------------------------------------------------------
-- Transitions

-- Put a queued job where it belongs.
local function make_ready(root, job, now, policy)
  redis.call('ZADD', root .. ':ready', job.place, job.id)
  if job.place >= BATCH then
    redis.call('ZADD', root .. ':waiting', now, job.id)
  else
    redis.call('ZREM', root .. ':waiting', job.id)
  end
  ring_idle(root, 1)
  if job.place < BATCH then make_way(root, now, policy) end
end

local function end_job(root, job, now, state, verdict)
  out_of_ready(root, job.id)
  redis.call('ZREM', root .. ':paused', job.id)
  redis.call('ZREM', root .. ':leased', job.id)
  redis.call('ZADD', root .. ':ended', now, job.id)
  set_state(root, job, state)
  redis.call('HSET', job.key, 'ended_at', now)
  redis.call('HDEL', job.key, 'holder', 'paused', 'yield_requested')
  emit(root, job, 'ended', nil, verdict)
end

local function end_attempt(job, now, outcome, reason)
  redis.call('HSET', job.key, job.a .. 'ended_at', now, job.a .. 'outcome', outcome,
    job.a .. 'reason', reason)
end

-- A running job goes back to its own place, unless it was to be cancelled.
local function requeue(root, job, now, policy, kind)
  if has(job, 'cancel_requested') then return end_job(root, job, now, 'cancelled') end
  redis.call('ZREM', root .. ':leased', job.id)
  set_state(root, job, 'queued')
  redis.call('HDEL', job.key, 'holder', 'yield_requested', 'mark')
  emit(root, job, kind)
  make_ready(root, job, now, policy)
end

-- An attempt died. The job goes back to its own place, or has died too often.
local function lose(root, job, now, policy, reason)
  end_attempt(job, now, 'lost', reason)
  local lost = redis.call('HINCRBY', job.key, 'lost', 1)
  redis.call('HINCRBY', root .. ':counts', 'lost', 1)
  if lost >= policy.max_lost and not has(job, 'cancel_requested') then
    local message = 'lost ' .. lost .. ' attempts; the last one: ' .. reason
    redis.call('HSET', job.key, 'failure',
      cjson.encode({ slug = 'attempts-lost', message = message }))
    return end_job(root, job, now, 'dead')
  end
  requeue(root, job, now, policy, 'requeued')
end

-- Forget an ended or damaged job: every key and index entry goes.
local function forget(root, id)
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
  for _, state in ipairs(STATES) do
    redis.call('ZREM', index_key(root, 'state', state), id)
  end
  for _, name in ipairs({ 'jobs', 'ready', 'waiting', 'paused', 'leased', 'ended', 'damaged' }) do
    redis.call('ZREM', root .. ':' .. name, id)
  end
  redis.call('DEL', key)
end

---------------------------------------------------------------------------------------------
-- The clock

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
    local job = load_or_set_aside(root, id)
    if job then
      lose(root, job, now, policy,
        'worker ' .. job.worker .. ' was silent for longer than its lease')
    end
  end
end

-- Retention: by age, then by count, a bounded number at a time.
local function forget_old(root, now, policy)
  local ended = root .. ':ended'
  local old = redis.call('ZRANGEBYSCORE', ended, '-inf', now - policy.keep, 'LIMIT', 0,
    FORGOTTEN_PER_TICK)
  local left = redis.call('ZCARD', ended) - policy.keep_jobs
  if #old < FORGOTTEN_PER_TICK and left > #old then
    old = redis.call('ZRANGE', ended, 0, math.min(left, FORGOTTEN_PER_TICK) - 1)
  end
  for _, id in ipairs(old) do forget(root, id) end
end

---------------------------------------------------------------------------------------------
-- Submitting

-- The id and request digest that an idempotency key stands for. The write makes a following
-- WAITAOF wait for the first submission, whose own reply may never have come.
local function known_key(root, idempotency)
  local known = redis.call('GET', root .. ':key:' .. idempotency)
  if not known then return nil end
  redis.call('SET', root .. ':key:' .. idempotency, known)
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
  redis.call('LLEN', root .. ':bell')
end

-- id, idempotency hash or '', request digest, spec, owner, priority, scan uid, scan id, tags
local function submit(root, args, policy)
  local id, idempotency, digest = args[1], args[2], args[3]
  local key = job_key(root, id)
  if idempotency ~= '' then
    local first, first_digest = known_key(root, idempotency)
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
  local place = tonumber(args[6]) * BATCH + seq
  redis.call('HSET', key, 'id', id, 'state', 'queued', 'spec', args[4], 'owner', args[5],
    'priority', args[6], 'place', string.format('%.0f', place), 'seq', seq, 'scan', args[7],
    'tags', args[9], 'submitted_at', now, 'attempt', 0, 'lost', 0, 'yields', 0)
  redis.call('ZADD', root .. ':jobs', seq, id)
  redis.call('ZADD', index_key(root, 'state', 'queued'), seq, id)
  redis.call('ZADD', index_key(root, 'owner', args[5]), seq, id)
  redis.call('ZADD', index_key(root, 'scan', args[7]), seq, id)
  if args[8] ~= '' then
    redis.call('HSET', key, 'scan_id', args[8])
    redis.call('ZADD', index_key(root, 'scan', args[8]), seq, id)
  end
  for _, tag in ipairs(cjson.decode(args[9])) do
    redis.call('ZADD', index_key(root, 'tag', tag), seq, id)
  end
  if idempotency ~= '' then
    redis.call('SET', root .. ':key:' .. idempotency, id .. ' ' .. digest)
    redis.call('HSET', key, 'key', idempotency)
  end
  local job = load(root, id)
  emit(root, job, 'submitted')
  make_ready(root, job, now, policy)
  return { 'ok', record(root, id) }
end

-- idempotency hash -> { request digest, job } or nothing
local function known(root, args)
  local id, digest = known_key(root, args[1])
  if not id then return false end
  return { digest, record(root, id) }
end

---------------------------------------------------------------------------------------------
-- Workers' calls

-- Whether batch work may be claimed: the reserve is kept free for live work, but one worker
-- always takes batch work.
local function batch_allowed(root, now, policy, worker)
  if policy.reserve == 0 then return true end
  local able = able_workers(root, now, policy)
  able[worker] = true
  local workers, batch = 0, 0
  for _ in pairs(able) do workers = workers + 1 end
  for _, job in ipairs(running_jobs(root)) do
    if job.place >= BATCH then batch = batch + 1 end
  end
  return batch < math.max(1, workers - policy.reserve)
end

-- The batch job that has waited longest, if it is its turn: the bound on starvation.
local function starved(root, now, policy)
  local first = redis.call('ZRANGE', root .. ':waiting', 0, 0, 'WITHSCORES')
  if not first[1] or now - tonumber(first[2]) <= policy.longest_wait then return nil end
  if tonumber(redis.call('GET', root .. ':claims') or 0) < CLAIMS_PER_STARVED - 1 then
    return nil
  end
  return first[1]
end

local function next_job(root, now, policy, worker)
  local batch = batch_allowed(root, now, policy, worker)
  while true do
    local turn = batch and starved(root, now, policy)
    local id = turn or redis.call('ZRANGE', root .. ':ready', 0, 0)[1]
    if not id then return nil end
    local job = load_or_set_aside(root, id)
    if job and not batch and job.place >= BATCH then return nil end
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

-- worker, instance of the worker, device
local function claim(root, args, policy)
  local now, worker = now_ms(), args[1]
  local holder = worker .. ' ' .. args[2]
  advance_clock(root, now, policy)
  for _, job in ipairs(running_jobs(root)) do
    if redis.call('HGET', job.key, 'holder') == holder then
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
  out_of_ready(root, job.id)
  job.attempt = redis.call('HINCRBY', job.key, 'attempt', 1)
  local a = string.format('a:%d:', job.attempt)
  redis.call('HSET', job.key, 'holder', holder, a .. 'worker', worker, a .. 'device', args[3],
    a .. 'started_at', now)
  redis.call('HSETNX', job.key, 'started_at', now)
  redis.call('ZADD', root .. ':leased', now + policy.lease, job.id)
  redis.call('DEL', root .. ':ctl:' .. worker) -- rung for an earlier job
  set_state(root, job, 'running')
  emit(root, job, 'started')
  return { 'ok', record(root, job.id) }
end

-- Whether this worker's attempt may speak for the job: the fence. Leases play no part in it.
local function speaks_for(job, attempt, worker)
  return job.state == 'running' and job.attempt == attempt and job.worker == worker
end

-- id, attempt, worker, progress or '', mark of the progress
local function beat(root, args, policy)
  local now = now_ms()
  advance_clock(root, now, policy)
  local job, field = load(root, args[1])
  if not job then
    if field then set_aside(root, args[1], field) end
    return 'stale'
  end
  if not speaks_for(job, tonumber(args[2]), args[3]) then return 'stale' end
  redis.call('ZADD', root .. ':leased', now + policy.lease, job.id)
  if args[4] ~= '' then
    local moved = redis.call('HGET', job.key, 'mark') ~= args[5]
    redis.call('HSET', job.key, job.a .. 'progress', args[4], 'mark', args[5])
    if moved then emit(root, job, 'progress', args[4]) end
  end
  for _, signal in ipairs({ 'cancel', 'stop', 'yield' }) do
    if has(job, signal .. '_requested') then return signal end
  end
  return 'go'
end

-- An attempt that was refused leaves its mark in the record and in the events, once.
local function refuse(root, job, attempt, worker, outcome)
  local a = string.format('a:%d:', attempt)
  local owner = redis.call('HGET', job.key, a .. 'worker')
  if not owner then return end
  local mark = owner == worker and a .. 'late' or a .. 'late_by:' .. worker
  if redis.call('HSETNX', job.key, mark, outcome) == 0 then return end
  emit(root, job, 'late')
  local reason = redis.call('HGET', job.key, a .. 'reason')
  if owner == worker and reason then
    redis.call('HSET', job.key, a .. 'reason',
      reason .. '; a late "' .. outcome .. '" was refused')
  end
end

-- id, attempt, worker, outcome, result or '', failure or '', reason, verdict or ''; a worker
-- of an earlier release tells no verdict
local function finish(root, args, policy)
  local now = now_ms()
  local attempt, worker, outcome = tonumber(args[2]), args[3], args[4]
  advance_clock(root, now, policy)
  local job, field = load(root, args[1])
  if not job then return no_job(root, args[1], field) end
  if not speaks_for(job, attempt, worker) then
    local a = string.format('a:%d:', attempt)
    local said = redis.call('HMGET', job.key, a .. 'worker', a .. 'outcome')
    if said[1] == worker and said[2] == outcome then return { 'ok', record(root, job.id) } end
    refuse(root, job, attempt, worker, outcome)
    return { 'stale', record(root, job.id) }
  end
  if outcome == 'lost' then
    lose(root, job, now, policy, args[7])
  elseif outcome == 'yielded' then
    end_attempt(job, now, outcome, args[7])
    redis.call('HINCRBY', job.key, 'yields', 1)
    requeue(root, job, now, policy, 'yielded')
  else
    end_attempt(job, now, outcome, args[7])
    if args[5] ~= '' then redis.call('HSET', job.key, 'result', args[5]) end
    if args[6] ~= '' then redis.call('HSET', job.key, 'failure', args[6]) end
    end_job(root, job, now, outcome, args[8])
  end
  return { 'ok', record(root, job.id) }
end

-- worker, JSON or '' to forget it
local function presence(root, args)
  if args[2] == '' then
    redis.call('HDEL', root .. ':workers', args[1])
    redis.call('SREM', root .. ':draining', args[1])
  else
    redis.call('HSET', root .. ':workers', args[1], now_ms() .. ' ' .. args[2])
  end
  return 'ok'
end

-- id, found unreadable by a worker
local function put_aside(root, args)
  set_aside(root, args[1], 'record')
  return 'ok'
end

---------------------------------------------------------------------------------------------
-- Control

-- id
local function cancel(root, args)
  local job, field = load(root, args[1])
  if not job then return no_job(root, args[1], field) end
  if job.state == 'queued' then
    end_job(root, job, now_ms(), 'cancelled')
  elseif job.state == 'running' then
    if redis.call('HSETNX', job.key, 'cancel_requested', 1) == 1 then
      emit(root, job, 'cancel_requested')
    end
    ring_worker(root, job.worker)
  elseif job.state ~= 'cancelled' then
    return { 'not', job.state }
  end
  return { 'ok', record(root, job.id) }
end

-- id. Once a stop was asked for, asking again is fine whatever came of it.
local function stop(root, args)
  local job, field = load(root, args[1])
  if not job then return no_job(root, args[1], field) end
  if not has(job, 'stop_requested') then
    if job.state ~= 'running' then return { 'not', job.state } end
    redis.call('HSET', job.key, 'stop_requested', 1)
    emit(root, job, 'stop_requested')
  end
  if job.state == 'running' then ring_worker(root, job.worker) end
  return { 'ok', record(root, job.id) }
end

-- id, priority
local function reprioritise(root, args, policy)
  local job, field = load(root, args[1])
  if not job then return no_job(root, args[1], field) end
  if job.ended then return { 'not', job.state } end
  local priority = tonumber(args[2])
  if priority == job.priority then return { 'ok', record(root, job.id) } end
  local now, since = now_ms(), redis.call('ZSCORE', root .. ':waiting', job.id)
  job.place = priority * BATCH + job.seq
  redis.call('HSET', job.key, 'priority', args[2], 'place', string.format('%.0f', job.place))
  emit(root, job, 'reprioritised')
  if has(job, 'paused') then
    redis.call('ZADD', root .. ':paused', job.place, job.id)
  elseif job.state == 'queued' then
    make_ready(root, job, since or now, policy)
  elseif job.place < BATCH then
    redis.call('HDEL', job.key, 'yield_requested') -- live now: it makes way for nobody
  end
  return { 'ok', record(root, job.id) }
end

-- id, '1' to hold it back or '0' to let it go on
local function hold(root, args, policy)
  local job, field = load(root, args[1])
  if not job then return no_job(root, args[1], field) end
  if job.state ~= 'queued' then return { 'not', job.state } end
  local paused = has(job, 'paused')
  if args[2] == '1' and not paused then
    out_of_ready(root, job.id)
    redis.call('ZADD', root .. ':paused', job.place, job.id)
    redis.call('HSET', job.key, 'paused', 1)
    emit(root, job, 'paused')
  elseif args[2] == '0' and paused then
    redis.call('ZREM', root .. ':paused', job.id)
    redis.call('HDEL', job.key, 'paused')
    emit(root, job, 'resumed')
    make_ready(root, job, now_ms(), policy)
  end
  return { 'ok', record(root, job.id) }
end

-- '1' or '0'
local function hold_queue(root, args, policy)
  if args[1] == '1' then
    redis.call('SET', root .. ':queue_paused', 1)
  elseif redis.call('DEL', root .. ':queue_paused') == 1 then
    ring_idle(root, redis.call('ZCARD', root .. ':ready'))
    make_way(root, now_ms(), policy)
  end
  return 'ok'
end

-- id. Only what has ended, or cannot be read.
local function delete(root, args)
  local id = args[1]
  local job, field = load(root, id)
  local gone = root .. ':deleted:' .. id
  if not job and not field then
    return redis.call('EXISTS', gone) == 1 and { 'ok' } or { 'missing' }
  end
  local damaged = field or redis.call('ZSCORE', root .. ':damaged', id)
  if job and not job.ended and not damaged then return { 'not', job.state } end
  forget(root, id)
  redis.call('SET', gone, 1, 'EX', RING_KEPT_S)
  return { 'ok' }
end

-- worker, '1' or '0'
local function drain(root, args, policy)
  if redis.call('HEXISTS', root .. ':workers', args[1]) == 0 then return { 'missing' } end
  if args[2] == '1' then
    redis.call('SADD', root .. ':draining', args[1])
    make_way(root, now_ms(), policy)
  else
    redis.call('SREM', root .. ':draining', args[1])
    ring_idle(root, 1)
  end
  ring_worker(root, args[1])
  return { 'ok' }
end

-- age in ms after which a silent worker is forgotten
local function tick(root, args, policy)
  local now = now_ms()
  advance_clock(root, now, policy)
  sweep(root, now, policy)
  each_worker(root, now, function(name, silent)
    if silent > tonumber(args[1]) then
      redis.call('HDEL', root .. ':workers', name)
      redis.call('SREM', root .. ':draining', name)
    end
  end)
  make_way(root, now, policy)
  forget_old(root, now, policy)
  return 'ok'
end

---------------------------------------------------------------------------------------------
-- Reading

-- id
local function get(root, args)
  return record(root, args[1])
end

-- number of jobs wanted -> paused, running, submission of the oldest that waits or nothing,
-- how many wait with priority 0 to 9, { id, priority, id, priority, ... } of the next ones
local function queue(root, args)
  local ready = redis.call('ZRANGE', root .. ':ready', 0, tonumber(args[1]) - 1, 'WITHSCORES')
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

-- seq to start below or 'inf', limit, then kind, value, ... of indexes. Newest first. The
-- smallest index is walked and the others asked. A page may be short and still have a
-- successor: the number of jobs looked at in one call is bounded.
local function list(root, args)
  local below, limit = args[1], tonumber(args[2])
  local walked, others = root .. ':jobs', {}
  for i = 3, #args, 2 do
    local index = index_key(root, args[i], args[i + 1])
    if redis.call('ZCARD', index) < redis.call('ZCARD', walked) then
      walked, index = index, walked
    end
    others[#others + 1] = index
  end
  local upper = below == 'inf' and '+inf' or '(' .. below
  local ids = redis.call('ZREVRANGEBYSCORE', walked, upper, '-inf', 'WITHSCORES', 'LIMIT', 0,
    LIST_LOOKED_AT)
  local page, more = {}, ''
  for i = 1, #ids, 2 do
    local matches = true
    for _, index in ipairs(others) do
      matches = matches and redis.call('ZSCORE', index, ids[i])
    end
    if matches then page[#page + 1] = { ids[i], record(root, ids[i]) } end
    if #page == limit or (i + 1) / 2 == LIST_LOOKED_AT then
      more = ids[i + 1]
      break
    end
  end
  if more ~= '' and redis.call('ZCOUNT', walked, '-inf', '(' .. more) == 0 then more = '' end
  return { more, page }
end

-- age in ms -> { last seen, JSON, whether it drains } of each worker
local function workers(root, args)
  local now, fresh = now_ms(), {}
  local all = redis.call('HGETALL', root .. ':workers')
  for i = 1, #all, 2 do
    local seen, said = string.match(all[i + 1], '^(%d+) (.*)$')
    if seen and now - tonumber(seen) <= tonumber(args[1]) then
      fresh[#fresh + 1] = { seen, said, is_draining(root, all[i]) and 1 or 0 }
    end
  end
  return fresh
end

---------------------------------------------------------------------------------------------
-- Registration

-- The version of what is stored, if it is not ours.
local function other_layout(root)
  local layout = redis.call('GET', root .. ':version')
  if layout == VERSION then return nil end
  if not layout and redis.call('EXISTS', root .. ':jobs') == 0 then return nil end
  return layout or '1'
end

local function register(name, body, writes)
  redis.register_function({
    function_name = 'exitwave_' .. name,
    callback = function(keys, args)
      local root = keys[1]
      if table.remove(args, 1) ~= VERSION then
        return redis.error_reply('EXITWAVEVERSION ' .. VERSION)
      end
      local layout = other_layout(root)
      if layout then return redis.error_reply('EXITWAVELAYOUT ' .. layout) end
      if writes then redis.call('SET', root .. ':version', VERSION, 'NX') end
      local policy = cjson.decode(table.remove(args, 1))
      return body(root, args, policy)
    end,
    flags = writes and {} or { 'no-writes' },
  })
end

register('submit', submit, true)
register('known', known, true)
register('claim', claim, true)
register('beat', beat, true)
register('finish', finish, true)
register('presence', presence, true)
register('put_aside', put_aside, true)
register('cancel', cancel, true)
register('stop', stop, true)
register('reprioritise', reprioritise, true)
register('hold', hold, true)
register('hold_queue', hold_queue, true)
register('delete', delete, true)
register('drain', drain, true)
register('tick', tick, true)
register('get', get, false)
register('queue', queue, false)
register('list', list, false)
register('workers', workers, false)
