-- node_join(node, lease_ms, about) -> { job, about, job, about, ... }
--
-- A node enters the cluster, or comes back: from now on it is alive for `lease_ms` after
-- each node_beat, by the server's clock.  Answered with the jobs that are open.
-- (Cluster-wide table: its namespace is the cluster's, not a job's.)
--
-- Refuses: nothing.
-- Writes:  nodes, leases.

transition('node_join', FILLS, function(ns, args)
  local node, lease_ms, about = unpack(args)
  call('HSET', key.nodes(ns), node, about)
  call('ZADD', key.leases(ns), act.now_ms() + lease_ms, node)
  return call('HGETALL', key.jobs(ns))
end)
