-- actor_kill(id, restart, attempt, failure) -> 'DEAD', 'TOLD', 'OVER' or its attempt
--
-- The actor shall end now.  It becomes `failure` in this very transition (DEAD), and so do all
-- calls that it was not dealt; its node is told to kill the worker, and says of the others whether
-- they may have run when that is gone (actor/left.lua).  With `restart` = 1 only that (TOLD): then
-- it goes on as its restarts allow.  OVER: it is so already.  `failure` names the incarnation
-- `attempt` (0: none lives); if it is another, that is answered, and nothing happens.
--
-- Refuses: nothing.
-- Writes:  what task/_fail.lua and actor/_end.lua write.

transition('actor_kill', DRAINS, function(ns, args)
  local id, restart, attempt, failure = unpack(args)
  if call('HEXISTS', key.actor(ns), id) == 0 then
    return 'OVER'
  end
  local node = act.holder(ns, id, call('HGETALL', key.served(ns)))
  local lives = node and call('HGET', key.held(ns, node), id) or '0'
  if restart == '1' then
    if node then
      act.tell(ns, node, { code.ACTOR, id, code.RESTART })
    end
    return 'TOLD'
  elseif lives ~= attempt then
    return tonumber(lives)
  end
  call('HDEL', key.host(ns), id)
  act.fail(ns, node, { id }, failure)
  act.serve(ns)
  return 'DEAD'
end)
