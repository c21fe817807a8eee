-- node_list() -> { node, about, left_ms, ... }
--
-- The members of the cluster, in the order of their ids; `left_ms` is how long the lease lasts
-- yet, by the server's clock.  Of one whose lease has run out it is negative.
-- (Cluster-wide table: its namespace is the cluster's, not a job's.)
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('node_list', READS, function(ns, _)
  local all, now, members = call('HGETALL', key.nodes(ns)), act.now_ms(), {}
  for i = 1, #all, 2 do
    members[#members + 1] = { all[i], all[i + 1] }
  end
  table.sort(members, function(a, b) return a[1] < b[1] end)
  local reply = {}
  for _, member in ipairs(members) do
    local till = tonumber(call('ZSCORE', key.leases(ns), member[1]) or 0)
    local left_ms = till - now
    reply[#reply + 1] = member[1]
    reply[#reply + 1] = member[2]
    reply[#reply + 1] = left_ms
  end
  return reply
end)
