-- plan_list() -> { process, plan, about, process, plan, about, ... }
--
-- The plans that living processes have (plan/add.lua), in the order of the processes' ids.
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('plan_list', READS, function(ns)
  local all, reply = call('HKEYS', key.plans(ns)), {}
  table.sort(all)
  for i, about in ipairs(many.hmget(key.plans(ns), all)) do
    reply[3 * i - 2] = string.sub(all[i], 1, code.PROCESS_ID)
    reply[3 * i - 1] = string.sub(all[i], code.PROCESS_ID + 1)
    reply[3 * i] = about
  end
  return reply
end)
