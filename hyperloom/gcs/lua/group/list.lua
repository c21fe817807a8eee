-- group_list() -> { group, row, group, row, ... }
--
-- The placement groups, in the order in which they were made; for a row see _books.lua.
-- (Cluster-wide table: its namespace is the cluster's, not a job's.)
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('group_list', READS, function(ns, _)
  local reply = {}
  for _, group in ipairs(act.all_groups(ns)) do
    reply[#reply + 1] = group.id
    reply[#reply + 1] = call('HGET', key.groups(ns), group.id)
  end
  return reply
end)
