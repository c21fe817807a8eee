-- act.step_aside(ns, actor, calls, lacking, records) -> those that enter their process's lane
--
-- If the actor is in `unordered`, a call that lacks an input has a lane of its own, named by the
-- call, and holds back nobody.  Apart from its name that is a lane as others are
-- (actor/_lanes.lua).

function act.step_aside(ns, actor, calls, lacking, records)
  if not next(lacking) or call('SISMEMBER', key.unordered(ns), actor) == 0 then
    return calls, lacking, records
  end
  local others, theirs = {}, {}
  for i, id in ipairs(calls) do
    if lacking[id] then
      call('RPUSH', key.lane(ns, actor .. id), id)
      call('ZADD', key.lanes(ns, actor), code.PARKED, id)
    else
      others[#others + 1], theirs[#theirs + 1] = id, records[i]
    end
  end
  return others, {}, theirs
end
