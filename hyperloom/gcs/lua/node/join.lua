-- node_join(node, lease_ms, about) -> { job, about, job, about, ... }
--
-- A node enters the cluster, or comes back: from now on it is alive for `lease_ms` after
-- each node_beat, by the server's clock.  Answered with the jobs that are open.  Those of drivers
-- that live there are no orphans (job/orphan.lua).
-- (Cluster-wide table: its namespace is the cluster's, not a job's.)
--
-- Refuses: nothing.
-- Writes:  nodes, leases, orphans.

local function adopt(ns, node)
  local all, cared_for = call('HGETALL', key.orphans(ns)), {}
  for i = 1, #all, 2 do
    if string.sub(all[i + 1], 1, code.NODE_ID) == node then
      cared_for[#cared_for + 1] = all[i]
    end
  end
  many.hdel(key.orphans(ns), cared_for)
end

transition('node_join', FILLS, function(ns, args)
  local node, lease_ms, about = unpack(args)
  call('HSET', key.nodes(ns), node, about)
  call('ZADD', key.leases(ns), act.now_ms() + lease_ms, node)
  adopt(ns, node)
  return call('HGETALL', key.jobs(ns))
end)
