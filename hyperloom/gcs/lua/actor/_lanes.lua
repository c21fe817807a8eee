-- act.actor_of(record), act.line_up(ns, actor, process, calls, lacking, records),
-- act.line_back(ns, actor, entries), act.is_first(ns, actor, id) -> its lane, or false,
-- act.unpark(ns, actor, lane)
--
-- Order among the calls of one actor is each caller's own.  A *lane* holds those of one process
-- that were not dealt to the host yet, in the order in which it made them; so a call that waits
-- for an input holds back the later ones of its own caller and nobody else's.  `lanes` lists an
-- actor's lanes by the turn in which they were served; one whose first call waits for an input
-- is *parked*, behind all others.  Lanes are unparked in actor/_wake.lua and emptied in
-- actor/_deal.lua.

local PARKED = code.PARKED

-- A call's record names its actor's object first among the refs that are no inputs.
function act.actor_of(record)
  local a, b, c = string.byte(record, code.TEMPLATE_ID + 1, code.TEMPLATE_ID + 3)
  local at = code.TEMPLATE_ID + 7 + ((a * 256 + b) * 256 + c) * code.OBJECT_ID
  return string.sub(record, at, at + code.TASK_ID - 1)
end

function act.lane(ns, actor, id)
  return key.lane(ns, actor .. string.sub(id, 1, code.PROCESS_ID))
end

-- New calls of one process enter.  `lacking`: those of them that lack an input.
function act.line_up(ns, actor, process, calls, lacking, records)
  calls, lacking, records = act.step_aside(ns, actor, calls, lacking, records)
  local lane, first = key.lane(ns, actor .. process), 1
  local fresh = call('EXISTS', lane) == 0
  if fresh then  -- nothing is before them: as many as may go at once, go at once
    while first <= #calls and not lacking[calls[first]] do
      first = first + 1
    end
    first = act.deal_new(ns, actor, calls, records, first - 1) + 1
  end
  local rest = {}
  for i = first, #calls do
    rest[#rest + 1] = calls[i]
  end
  many.rpush(lane, rest)
  if fresh and #rest > 0 then
    call('ZADD', key.lanes(ns, actor), lacking[rest[1]] and PARKED or 0, process)
  end
end

function act.is_first(ns, actor, id)
  local lane = id
  local entry = call('LINDEX', key.lane(ns, actor .. id), 0)
  if not entry then
    lane = string.sub(id, 1, code.PROCESS_ID)
    entry = call('LINDEX', key.lane(ns, actor .. lane), 0)
  end
  return entry and string.sub(entry, 1, code.TASK_ID) == id and lane
end

function act.unpark(ns, actor, lane)
  call('ZADD', key.lanes(ns, actor), 0, lane)
end

-- Entries, sorted, that were dealt and are taken back, all of them at once: before the others.
function act.line_back(ns, actor, entries)
  for i = #entries, 1, -1 do
    call('LPUSH', act.lane(ns, actor, entries[i]), entries[i])
    act.unpark(ns, actor, string.sub(entries[i], 1, code.PROCESS_ID))
  end
end
