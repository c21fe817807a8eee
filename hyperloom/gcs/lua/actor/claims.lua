-- actor_claims() -> { full name, row, full name, row, ... }, sorted
--
-- The names that are claimed (actor/claim.lua).  Whether an actor has one, its job knows.
-- (Cluster-wide table: its namespace is the cluster's, not a job's.)
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('actor_claims', READS, function(ns)
  local all, reply = call('HKEYS', key.names(ns)), {}
  table.sort(all)
  for i, row in ipairs(many.hmget(key.names(ns), all)) do
    if all[i] ~= '' then
      reply[#reply + 1], reply[#reply + 2] = all[i], row
    end
  end
  return reply
end)
