-- actor_left(node, actor, begun) -> 1
--
-- An actor was killed, and its worker is gone: the calls that the node still holds become what
-- the actor became.  `begun`: those that may have run, concatenated; '*': nobody knows which.  Of
-- an actor that is not over nothing is said, since its calls are another incarnation's.
--
-- Refuses: nothing.
-- Writes:  what task/_fail.lua writes.

transition('actor_left', DRAINS, function(ns, args)
  local node, actor, begun = unpack(args)
  if call('HEXISTS', key.actor(ns), actor) == 0 then
    act.leave_all(ns, node, actor, begun)
    act.serve(ns)
  end
  return 1
end)
