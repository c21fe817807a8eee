-- process_list(node) -> { process, process, ... }
--
-- The worker processes that lived on this node and are not buried, in the order of their ids.
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('process_list', READS, function(ns, args)
  local homes, there = call('HGETALL', key.homes(ns)), {}
  for i = 1, #homes, 2 do
    if homes[i + 1] == args[1] then
      there[#there + 1] = homes[i]
    end
  end
  table.sort(there)
  return there
end)
