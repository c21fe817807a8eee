-- job_open(job, about) -> number of nodes told
--
-- A driver begins: every node is told, in its inbox, to look for this job's tasks.
-- (Cluster-wide table: its namespace is the cluster's, not a job's.)
--
-- Refuses: nothing.  Opening twice tells the nodes twice, which is harmless.
-- Writes:  jobs.

transition('job_open', FILLS, function(ns, args)
  local job, about = args[1], args[2]
  call('HSET', key.jobs(ns), job, about)
  local nodes = call('HKEYS', key.nodes(ns))
  for _, node in ipairs(nodes) do
    act.tell(ns, node, { code.JOB_OPENED, job, about })
  end
  return #nodes
end)
