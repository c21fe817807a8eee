-- node_beat(node, lease_ms, about) -> { dead node, dead node, ... }
--
-- The node is alive, and `about` says how it is.  Answered with the nodes whose lease has
-- run out, so that somebody reaps them.
--
-- Refuses: STALE when the node is not a member any more: it was given up for dead, its
--          tasks run elsewhere, and it must kill its workers before it joins again.
-- Writes:  nodes, leases.

transition('node_beat', DRAINS, function(ns, args)
  local node, lease_ms, about = unpack(args)
  if not call('ZSCORE', key.leases(ns), node) then
    return refuse('STALE', 'node %s was given up for dead', act.hex(node))
  end
  local now = act.now_ms()
  call('HSET', key.nodes(ns), node, about)
  call('ZADD', key.leases(ns), now + lease_ms, node)
  return call('ZRANGEBYSCORE', key.leases(ns), '-inf', '(' .. string.format('%.0f', now))
end)
