-- group_fits(group, amounts, amounts, ...) -> 1, 0, or -1 if there is no such group
--
-- Whether nodes that have these amounts in all could keep the whole group, if they had nothing else
-- to do.
-- (Cluster-wide table: its namespace is the cluster's, not a job's.)
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('group_fits', READS, function(ns, args)
  local row = call('HGET', key.groups(ns), args[1])
  if not row then
    return -1
  end
  local group, wanted, rooms = act.group_of(args[1], row), {}, {}
  for k, bundle in ipairs(group.bundles) do
    wanted[k] = act.units(bundle.needs)
  end
  for i = 2, #args do
    rooms[i - 1] = { free = act.units(args[i]), used = 0 }
  end
  return act.choose_nodes(group.strategy, wanted, rooms) and 1 or 0
end)
