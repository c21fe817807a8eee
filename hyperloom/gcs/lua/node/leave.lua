-- node_leave(node) -> { job, about, ... }
--
-- The node is not a member any more: it said so itself, or its lease ran out.  Its tasks are
-- requeued next, job by job, with task_requeue; so it is answered with the open jobs.  What it
-- kept for placement groups is to be kept by others.
--
-- Refuses: nothing.
-- Writes:  nodes, leases, groups, room.

transition('node_leave', DRAINS, function(ns, args)
  call('HDEL', key.nodes(ns), args[1])
  call('ZREM', key.leases(ns), args[1])
  act.lose_bundles(ns, args[1])
  return call('HGETALL', key.jobs(ns))
end)
