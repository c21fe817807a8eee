-- actor_claim(name, job, known) -> row of the name: job and number of its claim; or nil
--
-- In which job an actor of this full name may be, for names that the whole cluster knows.  If
-- nobody has claimed it, or its row is still `known`, it is the given job's from now on, by a
-- claim that is later than all before.  Only who knows that the job of the row has ceded the name
-- (actor/cede.lua) says `known`; with job '' it is only looked up.
-- (Cluster-wide table: its namespace is the cluster's, not a job's.)
--
-- Refuses: nothing.
-- Writes:  names.

transition('actor_claim', FILLS, function(ns, args)
  local name, job, known = unpack(args)
  local row = call('HGET', key.names(ns), name)
  if job ~= '' and (not row or row == known) then
    row = job .. string.format('%.0f', call('HINCRBY', key.names(ns), '', 1))
    call('HSET', key.names(ns), name, row)
  end
  return row
end)
