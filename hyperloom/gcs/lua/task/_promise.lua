-- act.promise(ns, args, first), act.foresee(ns, oids, takers, wanted)
--
-- Outputs of a plan's tasks, before anybody makes them: who takes them, and who holds them.
-- From number `first` on the arguments are, for each, its id | the tasks that take it as an
-- input, concatenated | 1 if the process wants it (task/plan.lua).
--
-- Who takes is said before who makes, and others may cancel it in between: then it has let go
-- already.  If it is in a range, the rest of that has become tasks, which hold and lack by
-- themselves (task/_unroll.lua).

local FEW = (code.CROWD_FROM - 1) * code.TASK_ID

-- Of those that somebody takes, by id: how many hold it so far, less those that let go; and who
-- lacks it.
local function so_far(ns, args, first)
  local taken, counts, lists = {}, {}, {}
  for i = first, #args, 3 do
    taken[#taken + 1] = args[i + 1] ~= '' and args[i] or nil
  end
  local refs, waiters = many.hmget(key.refs(ns), taken), many.hmget(key.waiters(ns), taken)
  for i, oid in ipairs(taken) do
    counts[oid], lists[oid] = refs[i] or nil, waiters[i] or nil
  end
  return counts, lists
end

function act.promise(ns, args, first)
  local waiters, refs, lists, counts = {}, {}, 0, 0
  local held, lacked = so_far(ns, args, first)
  local alone, more, lackers = {}, {}, {}
  for i = first, #args, 3 do
    local oid, takers, wanted = args[i], args[i + 1], args[i + 2] == '1'
    local holders = #takers / code.TASK_ID - (wanted and 0 or code.GONE) + (held[oid] or 0)
    if lacked[oid] then
      more[#more + 1], lackers[oid] = oid, many.cut(takers, code.TASK_ID, {})
      takers = ''
    elseif #takers > FEW then
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
    elseif held[oid] then
      alone[#alone + 1] = oid
    end
  end
  many.hset(key.waiters(ns), waiters)
  act.lack(ns, more, lackers)
  many.hset(key.refs(ns), refs)
  many.hdel(key.refs(ns), alone)
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
