-- act.deal(ns, actor), act.deal_new(ns, actor, calls, records, most) -> number dealt
--
-- Calls leave their lanes, as many as the host grants; lanes take turns.

-- The first `most` of new calls, as far as there is room.
function act.deal_new(ns, actor, calls, records, most)
  local host = most > 0 and act.host_of(ns, actor)
  local number = host and math.min(most, host.granted - host.dealt) or 0
  if number <= 0 then
    return 0
  end
  local entries, theirs = calls, records
  if number < #calls then
    entries, theirs = {}, {}
    for i = 1, number do
      entries[i], theirs[i] = calls[i], records[i]
    end
  end
  act.hand_over(ns, actor, host, entries, theirs)
  return number
end

-- Up to `most` calls leave the front of one lane.  Cancelled ones have no record any more.
local function take(ns, actor, process, most, entries, records)
  local lane, lanes = key.lane(ns, actor .. process), key.lanes(ns, actor)
  local found, ids = call('LRANGE', lane, 0, most - 1), {}
  for i, entry in ipairs(found) do
    ids[i] = act.split(entry)
  end
  local any = call('EXISTS', key.wait(ns)) == 1
  local waits, rows = any and many.hmget(key.wait(ns), ids) or {}, many.hmget(key.task(ns), ids)
  local last = #ids
  for i, entry in ipairs(found) do
    if waits[i] then
      last = i - 1
      break
    elseif rows[i] then
      entries[#entries + 1], records[#records + 1] = entry, rows[i]
    end
  end
  call('LTRIM', lane, last, -1)
  if last < #ids then
    call('ZADD', lanes, code.PARKED, process)
  elseif call('EXISTS', lane) == 0 then
    call('ZREM', lanes, process)
  else
    call('ZADD', lanes, call('INCR', key.turn(ns)), process)
  end
end

local function next_lane(ns, actor)
  local lanes, below = key.lanes(ns, actor), '(' .. code.PARKED
  return call('ZRANGEBYSCORE', lanes, '-inf', below, 'LIMIT', 0, 1)[1]
end

function act.deal(ns, actor)
  local host, entries, records = act.host_of(ns, actor), {}, {}
  local room = host and host.granted - host.dealt or 0
  while #entries < room do
    local process = next_lane(ns, actor)
    if not process then
      break
    end
    take(ns, actor, process, room - #entries, entries, records)
  end
  if #entries > 0 then
    act.hand_over(ns, actor, host, entries, records)
  end
end
