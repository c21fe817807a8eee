-- act.promise(ns, args, first), act.foresee(ns, oids, takers, wanted)
--
-- Outputs of a plan's tasks, before anybody makes them: who takes them, and who holds them.
-- From number `first` on the arguments are, for each, its id | the tasks that take it as an
-- input, concatenated | 1 if the process wants it (task/plan.lua).

local FEW = (code.CROWD_FROM - 1) * code.TASK_ID

function act.promise(ns, args, first)
  local waiters, refs, lists, counts = {}, {}, 0, 0
  for i = first, #args, 3 do
    local oid, takers, wanted = args[i], args[i + 1], args[i + 2] == '1'
    local holders = #takers / code.TASK_ID - (wanted and 0 or code.GONE)
    if #takers > FEW then
      many.rpush(key.crowd(ns, oid), many.cut(takers, code.TASK_ID, {}))
      takers = code.CROWD
    end
    if takers ~= '' then
      waiters[lists + 1], waiters[lists + 2] = oid, takers
      lists = lists + 2
    end
    if holders ~= 0 then
      refs[counts + 1], refs[counts + 2] = oid, holders
      counts = counts + 2
    end
  end
  many.hset(key.waiters(ns), waiters)
  many.hset(key.refs(ns), refs)
end

-- The same of what a range's tasks will make, all alike.  Since it was submitted others may have
-- come to lack or hold some of it, and its process may have let go.
function act.foresee(ns, oids, takers, wanted)
  local holders = #takers / code.TASK_ID - (wanted == '1' and 0 or code.GONE)
  if holders ~= 0 then
    act.recount(ns, oids, holders)
  end
  if takers ~= '' then
    local list, lackers = many.cut(takers, code.TASK_ID, {}), {}
    for _, oid in ipairs(oids) do
      lackers[oid] = list
    end
    act.lack(ns, oids, lackers)
  end
end
