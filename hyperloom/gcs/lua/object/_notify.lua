-- act.notify(ns, oids, values, refs), act.tell(ns, who, message)
--
-- Who wants to know of these objects is told: their maker as long as it holds them (`refs`
-- are their counts), and who watches them (`watch`, empty if nobody watches anything).  Of a
-- failure the maker is told in any case, and whole: it may stop what else it had begun, and can
-- ask nobody later; or it asked for its other tasks to be stopped: see task/_stop.lua.
--
-- An inbox is a channel: what is published there reaches whoever listens now.  A message is
-- msgpack, an array of byte strings, written here by hand since Lua has no packer on all
-- servers that we support.

local function number4(n)
  return string.char(
    math.floor(n / 16777216) % 256,
    math.floor(n / 65536) % 256,
    math.floor(n / 256) % 256,
    n % 256
  )
end

local function head_of(size)
  return size < 256 and '\196' .. string.char(size) or '\198' .. number4(size)
end

function act.tell(ns, who, message)
  local parts = { '\221' .. number4(#message) }
  local heads = {}  -- by size: few differ
  for i = 1, #message do
    local text = message[i]
    local size = #text
    heads[size] = heads[size] or head_of(size)
    parts[2 * i], parts[2 * i + 1] = heads[size], text
  end
  call('SPUBLISH', key.inbox(ns, who), table.concat(parts))
end

function act.notify(ns, oids, values, refs, watch)
  local messages, processes, watched, failed, why = {}, {}, {}, {}, {}
  local function add(process, oid, value, most)
    local message = messages[process]
    if not message then
      message = {}
      messages[process] = message
      processes[#processes + 1] = process
    end
    local last = #message
    message[last + 1], message[last + 2] = oid, #value <= most and value or code.LARGE
  end
  for i = 1, #oids do
    local oid = oids[i]
    if string.sub(values[i], 1, 1) == code.FAILURE then
      add(string.sub(oid, 1, code.PROCESS_ID), oid, values[i], #values[i])
      failed[#failed + 1], why[#why + 1] = oid, values[i]
    elseif not refs[i] or string.sub(refs[i], 1, 1) ~= '-' then
      add(string.sub(oid, 1, code.PROCESS_ID), oid, values[i], code.NOTIFY_MOST)
    end
    if watch[i] then
      watched[#watched + 1] = oid
      for _, process in ipairs(many.cut(watch[i], code.PROCESS_ID, {})) do
        add(process, oid, values[i], code.NOTIFY_MOST)
      end
    end
  end
  many.hdel(key.watch(ns), watched)
  for _, process in ipairs(processes) do
    act.tell(ns, process, messages[process])
  end
  if #failed > 0 and call('EXISTS', key.stops(ns)) == 1 then
    act.failed(ns, failed, why)
  end
end
