-- job_forget(job) -> number of nodes told
--
-- A job has ended (see job/close.lua): it leaves the cluster's table, and every node is told
-- to end its workers and to free its objects.  Its placement groups end with it, and names that
-- were claimed for it are anybody's.
-- (Cluster-wide table: its namespace is the cluster's, not a job's.)
--
-- Refuses: nothing.
-- Writes:  jobs, orphans, groups, names.

local function forget_names(ns, job)
  local all, gone = call('HGETALL', key.names(ns)), {}
  for i = 1, #all, 2 do
    if all[i] ~= '' and string.sub(all[i + 1], 1, code.JOB_ID) == job then
      gone[#gone + 1] = all[i]
    end
  end
  many.hdel(key.names(ns), gone)
end

transition('job_forget', DRAINS, function(ns, args)
  local job = args[1]
  call('HDEL', key.jobs(ns), job)
  call('HDEL', key.orphans(ns), job)
  act.end_groups(ns, job)
  forget_names(ns, job)
  local nodes = call('HKEYS', key.nodes(ns))
  for _, node in ipairs(nodes) do
    act.tell(ns, node, { code.JOB_ENDED, job })
  end
  return #nodes
end)
