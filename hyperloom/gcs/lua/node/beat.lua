-- node_beat(node, lease_ms, about) -> { dead node, dead node, ... }
--
-- The node is alive, and `about` says how it is.  Answered with the nodes whose lease has
-- run out, so that somebody reaps them.
--
-- A node that finds its own lease run out was not heard of for long, or the server did not hear:
-- it hung, and with it everybody's beats.  From here both look the same, so nobody is judged by
-- that silence: 1. the server hangs for longer than a lease  2. all leases have run out  3. the
-- first node to beat would be told that all others are dead, and would reap them, though their
-- beats are next in line.  So whoever was alive when this node was last heard of has a lease from
-- now on, too.  Who is dead is found out a lease later; who was dead already is named.
--
-- Refuses: STALE when the node is not a member any more: it was given up for dead, its
--          tasks run elsewhere, and it must kill its workers before it joins again.
-- Writes:  nodes, leases.

local function silent(ns, first, last)
  return call('ZRANGEBYSCORE', key.leases(ns), first, string.format('(%.0f', last))
end

transition('node_beat', DRAINS, function(ns, args)
  local node, lease_ms, about = unpack(args)
  local ends = call('ZSCORE', key.leases(ns), node)
  if not ends then
    return refuse('STALE', 'node %s was given up for dead', act.hex(node))
  end
  local now = act.now_ms()
  call('HSET', key.nodes(ns), node, about)
  call('ZADD', key.leases(ns), now + lease_ms, node)
  if tonumber(ends) < now then
    local heard = string.format('%.0f', tonumber(ends) - lease_ms)
    for _, other in ipairs(silent(ns, heard, now)) do
      call('ZADD', key.leases(ns), now + lease_ms, other)
    end
  end
  return silent(ns, '-inf', now)
end)
