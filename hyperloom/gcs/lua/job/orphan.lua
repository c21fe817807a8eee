-- job_orphan(job, node, grace_ms, job, node, grace_ms, ...) -> { ms left, ms left, ... }
--
-- The drivers of these jobs live on these nodes.  A job whose driver's node is no member is an
-- orphan: the driver may be dead with its machine, or be cut off from here, or sleep.  So it is
-- waited for, from when somebody saw this first, by the server's clock.  0: it was waited for long
-- enough, and whoever asks closes the job (job/close.lua); -1: the job is no orphan.
-- (Cluster-wide table: its namespace is the cluster's, not a job's.)
--
-- Refuses: nothing.
-- Writes:  orphans.

local function is_cared_for(ns, job, node)
  return call('HEXISTS', key.jobs(ns), job) == 0 or call('ZSCORE', key.leases(ns), node)
end

transition('job_orphan', DRAINS, function(ns, args)
  local now, left = act.now_ms(), {}
  for i = 1, #args, 3 do
    local job, node, grace_ms = args[i], args[i + 1], tonumber(args[i + 2])
    if is_cared_for(ns, job, node) then
      call('HDEL', key.orphans(ns), job)
      left[#left + 1] = -1
    else
      local row = call('HGET', key.orphans(ns), job)
      if not row or string.sub(row, 1, code.NODE_ID) ~= node then
        row = node .. string.format('%.0f', now)
        call('HSET', key.orphans(ns), job, row)
      end
      local until_ms = tonumber(string.sub(row, code.NODE_ID + 1)) + grace_ms
      left[#left + 1] = math.max(0, until_ms - now)
    end
  end
  return left
end)
