-- act.leave(ns, node, calls, ran), act.leave_all(ns, node, actor, begun)
--
-- Calls that `node` holds of actors that are over become what these became, and are told whether
-- they may have run.  They hold the object of their actor, so that exists.

function act.leave(ns, node, calls, ran)
  local actors, theirs = {}, {}
  for i, record in ipairs(many.hmget(key.task(ns), calls)) do
    local actor = act.actor_of(record)
    if not theirs[actor] then
      actors[#actors + 1], theirs[actor] = actor, {}
    end
    table.insert(theirs[actor], calls[i])
  end
  for _, actor in ipairs(actors) do
    local failure = call('HGET', key.object(ns), act.output(actor, 0))
    act.fail(ns, node, theirs[actor], failure, ran)
  end
end

-- All of one actor; `begun`: those that may have run, concatenated; '*': nobody knows, so all may.
function act.leave_all(ns, node, actor, begun)
  if begun == '*' then
    return act.leave(ns, node, act.calls_of(ns, actor, node), true)
  end
  local may_have_run, ran, others = {}, {}, {}
  for _, id in ipairs(many.cut(begun, code.TASK_ID, {})) do
    may_have_run[id] = true
  end
  for _, id in ipairs(act.calls_of(ns, actor, node)) do
    local which = may_have_run[id] and ran or others
    which[#which + 1] = id
  end
  act.leave(ns, node, ran, true)
  act.leave(ns, node, others, false)
end
