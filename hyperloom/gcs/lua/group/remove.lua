-- group_remove(group) -> 1, or 0 if there is none
--
-- A placement group is not wanted any more.  The nodes that keep bundles for it are told, end what
-- runs in them, and have the amounts for others.  What waits for it in a job's queues fails by
-- task_evict.
-- (Cluster-wide table: its namespace is the cluster's, not a job's.)
--
-- Refuses: nothing.
-- Writes:  groups.

transition('group_remove', DRAINS, function(ns, args)
  local row = call('HGET', key.groups(ns), args[1])
  if not row then
    return 0
  end
  call('HDEL', key.groups(ns), args[1])
  act.tell_holders(ns, act.group_of(args[1], row))
  return 1
end)
