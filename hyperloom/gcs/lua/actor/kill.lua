-- actor_kill(id, restart, failure) -> 'DEAD', 'TOLD' or 'OVER'
--
-- The actor shall end now.  It, and all calls that it has not answered, become `failure`, in this
-- very transition (DEAD); its node is told to kill the worker.  With `restart` = 1 only that
-- (TOLD): then it goes on as its restarts allow.  OVER: it is so already.
--
-- Refuses: nothing.
-- Writes:  what task/_fail.lua and actor/_end.lua write.

transition('actor_kill', DRAINS, function(ns, args)
  local id, restart, failure = unpack(args)
  if call('HEXISTS', key.actor(ns), id) == 0 then
    return 'OVER'
  end
  local node = act.holder(ns, id, call('HGETALL', key.served(ns)))
  if restart == '1' then
    if node then
      act.tell(ns, node, { code.ACTOR, id, code.RESTART })
    end
    return 'TOLD'
  end
  act.fail(ns, node, { id }, failure)
  act.serve(ns)
  return 'DEAD'
end)
