-- The functions that a program may call, and who may call them.

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
      local version, policy, arguments = unpack(args)
      if version ~= VERSION then
        return redis.error_reply('EXITWAVEVERSION ' .. VERSION)
      end
      local layout = other_layout(root)
      if layout then return redis.error_reply('EXITWAVELAYOUT ' .. layout) end
      if writes then redis.call('SET', root .. ':version', VERSION, 'NX') end
      return body(root, cjson.decode(arguments), cjson.decode(policy))
    end,
    flags = writes and {} or { 'no-writes' },
  })
end

register('submit', submit, true)
register('known', known, true)
register('claim', claim, true)
register('heartbeat', heartbeat, true)
register('finish', finish, true)
register('register_worker', register_worker, true)
register('quarantine_job', quarantine_job, true)
register('cancel', cancel, true)
register('stop', stop, true)
register('reprioritise', reprioritise, true)
register('pause', pause, true)
register('pause_queue', pause_queue, true)
register('delete', delete, true)
register('drain', drain, true)
register('tick', tick, true)
register('get', get, false)
register('queue', queue, false)
register('list', list, false)
register('workers', workers, false)
