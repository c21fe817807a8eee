-- actor_over(node, id, attempt, failure, begun) -> 1
--
-- The actor has ended by itself: its constructor failed, or it wanted to end.  It, and all calls
-- that it has not answered, become `failure`.  `begun`: those that may have run, concatenated.
--
-- Refuses: STALE when the node does not hold that attempt any more.
-- Writes:  what task/_fail.lua and actor/_end.lua write.

transition('actor_over', DRAINS, function(ns, args)
  local node, id, attempt, failure, begun = unpack(args)
  if call('HGET', key.held(ns, node), id) ~= attempt then
    return refuse('STALE', 'actor %s attempt %s is not held by this node', act.hex(id), attempt)
  end
  call('HDEL', key.host(ns), id)
  act.fail(ns, node, { id }, failure)
  act.leave_all(ns, node, id, begun)
  act.serve(ns)
  return 1
end)
