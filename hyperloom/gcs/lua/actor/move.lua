-- actor_move(node, id, attempt, begun, unavailable) -> 'RESTARTING'
--
-- The node is to leave, and the actor goes on elsewhere: as in actor_lost, but this uses up none of
-- its restarts.  `begun`: the calls that may have run, concatenated.
--
-- Refuses: STALE when the node does not hold that attempt any more.
-- Writes:  held, host, tries, lane, lanes, ready, queues, counts, and what task/_fail.lua writes.

transition('actor_move', DRAINS, function(ns, args)
  local node, id, attempt, begun, unavailable = unpack(args)
  if call('HGET', key.held(ns, node), id) ~= attempt then
    return refuse('STALE', 'actor %s attempt %s is not held by this node', act.hex(id), attempt)
  end
  local answer = act.lose_actor(ns, node, id, attempt, begun, unavailable, nil, true)
  act.serve(ns)
  return answer
end)
