-- actor_lost(node, id, attempt, begun, unavailable, died) -> 'RESTARTING' or 'DEAD'
--
-- The worker in which the actor lived is dead; see act.lose_actor.  `begun`: the calls that may
-- have run, concatenated.
--
-- Refuses: STALE when the node does not hold that attempt any more.
-- Writes:  held, host, tries, lane, lanes, ready, queues, counts, and what task/_fail.lua writes.

transition('actor_lost', DRAINS, function(ns, args)
  local node, id, attempt, begun, unavailable, died = unpack(args)
  if call('HGET', key.held(ns, node), id) ~= attempt then
    return refuse('STALE', 'actor %s attempt %s is not held by this node', act.hex(id), attempt)
  end
  local answer = act.lose_actor(ns, node, id, attempt, begun, unavailable, died)
  act.serve(ns)
  return answer
end)
