-- node_leave(node) -> { job, about, ... }
--
-- The node is not a member any more: it said so itself, or its lease ran out.  Its tasks are
-- requeued next, job by job, with task_requeue; so it is answered with the open jobs.
--
-- Refuses: nothing.
-- Writes:  nodes, leases.

transition('node_leave', DRAINS, function(ns, args)
  call('HDEL', key.nodes(ns), args[1])
  call('ZREM', key.leases(ns), args[1])
  return call('HGETALL', key.jobs(ns))
end)
