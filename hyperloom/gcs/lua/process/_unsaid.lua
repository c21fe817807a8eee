-- act.forgo_unsaid(ns, process, ids, failure), act.forget_unsaid(ns, oids)
--
-- A process was killed, and these are tasks of it.  A plan enters with those who take before those
-- who make (task/plan.lua): what takes from a task of which nobody has heard, and nobody will,
-- would wait for ever.  It is dropped as if it had been cancelled (task/_shut.lua).

-- Those of `ids` that wait: { id, range or nil, inputs that the process makes itself }.
local function waiting(ns, process, ids)
  local rows, records, found = many.hmget(key.wait(ns), ids), many.hmget(key.task(ns), ids), {}
  local ranged = act.ranged(ns, ids)
  for i, id in ipairs(ids) do
    local range = ranged[id]
    local head = rows[i] and (records[i] or range and range.head)
    local own = {}
    for _, oid in ipairs(head and act.inputs_of(head) or own) do
      own[#own + 1] = string.sub(oid, 1, code.PROCESS_ID) == process and oid or nil
    end
    found[#found + 1] = own[1] and { id, range, own } or nil
  end
  return found
end

-- Of objects, those that no task makes of which anybody has heard.
local function unsaid(ns, oids)
  local makers, found = {}, {}
  for i, oid in ipairs(oids) do
    makers[i] = string.sub(oid, 1, code.TASK_ID)
  end
  local values, records = many.hmget(key.object(ns), oids), many.hmget(key.task(ns), makers)
  local ranged = act.ranged(ns, makers)
  for i, oid in ipairs(oids) do
    found[oid] = not (values[i] or records[i] or ranged[makers[i]])
  end
  return found
end

function act.forgo_unsaid(ns, process, ids, failure)
  local open = call('EXISTS', key.wait(ns)) == 1 and act.not_shut(ns, ids) or {}
  local takers, oids, spans, holds = waiting(ns, process, open), {}, {}, {}
  for _, taker in ipairs(takers) do
    for _, oid in ipairs(taker[3]) do
      oids[#oids + 1] = oid
    end
  end
  local never = unsaid(ns, oids)
  for _, taker in ipairs(takers) do
    local id, range, before = taker[1], taker[2], #holds
    for _, oid in ipairs(taker[3]) do
      holds[#holds + 1] = never[oid] and oid or nil
    end
    if #holds > before then
      local last = string.char(range and range.last or string.byte(id, code.TASK_ID))
      spans[#spans + 1] = id .. last
    end
  end
  act.hold(ns, holds)  -- who makes would have said so; they let go of all that they take
  act.shut(ns, spans, failure)
end

-- Nobody will make these.  Who takes them was said, and may have been cancelled by others, or have
-- become tasks of their own (task/_promise.lua): what was counted and written down then goes.
function act.forget_unsaid(ns, oids)
  for i, list in ipairs(many.hmget(key.waiters(ns), oids)) do
    if list == code.CROWD then
      call('DEL', key.crowd(ns, oids[i]))
    end
  end
  many.hdel(key.waiters(ns), oids)
  many.hdel(key.refs(ns), oids)
end
