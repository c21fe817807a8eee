-- job_list() -> { job, about, job, about, ... }
--
-- The jobs that are open, in the order of their ids.
-- (Cluster-wide table: its namespace is the cluster's, not a job's.)
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('job_list', READS, function(ns)
  local all, reply = call('HKEYS', key.jobs(ns)), {}
  table.sort(all)
  for i, about in ipairs(many.hmget(key.jobs(ns), all)) do
    reply[2 * i - 1], reply[2 * i] = all[i], about
  end
  return reply
end)
