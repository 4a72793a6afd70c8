-- The job queue: one hash per job is both the record and the queue entry.
--
-- KEYS[1] is the root, for example {exitwave}; every other key begins with it, so all of
-- them share one hash slot. ARGV[1] is the version of the caller, ARGV[2] its policy (lease
-- and limits) and ARGV[3] the function's arguments by name, both as JSON objects. Times are
-- the server's, in ms. What is stored as JSON travels as text inside the arguments: decoding
-- it here would turn [] into {}.
--
--   root:job:<id>       hash    the job; a:<n>:<field> are the fields of its attempt n
--   root:ready          zset    queued jobs   score = priority * 1e12 + seq
--   root:waiting        zset    the batch jobs in ready   score = waiting since
--   root:paused         zset    queued jobs that nobody is to claim   score as in ready
--   root:leased         zset    running jobs  score = time at which the lease ends
--   root:ended          zset    ended jobs    score = time at which they ended
--   root:quarantined    zset    jobs that nobody claims because their record cannot be read
--   root:jobs           zset    every job     score = seq
--   root:by:<kind>:<x>  zset    the jobs of state, scan, tag or owner x   score = seq
--   root:seq            string  number of jobs ever submitted
--   root:claims         string  claims since the longest waiting batch job was looked at
--   root:key:<hash>     string  idempotency key -> "<id> <digest of the request>"
--   root:deleted:<id>   string  expires; lets a repeated delete succeed
--   root:events         stream  one entry per transition or progress
--   root:counts         hash    kind of event, ended:<state> or lost -> how many so far
--   root:wakeup         list    pushed to when a job becomes ready, so that idle workers wake
--   root:wakeup:<name>  list    pushed to when that worker is to look; expires
--   root:clock          string  when a worker or the ticker last called
--   root:workers        hash    name -> "<last seen> <JSON>"
--   root:draining       set     workers that are to claim no further job
--   root:queue_paused   string  there while no job is to be claimed
--   root:version        string  version of the layout of these keys
--   root:triggers       hash    cursor of each trigger
--   root:keys, root:code:<hash>, root:session:<hash>   who may call, see keys.py

local VERSION = '3'
local EVENTS_KEPT = 20000
local WAKEUPS_KEPT = 100
local WAKEUP_KEPT_S = 60
local DELETION_KEPT_S = 60
local LIST_LOOKED_AT = 2000
local PURGED_PER_TICK = 100
local CLAIMS_PER_OVERDUE = 10
local BATCH = 1e12 -- scores from here on belong to priorities 1 to 9
local NUMBERS = { 'attempt', 'priority', 'score', 'seq', 'lost', 'preemptions' }

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
