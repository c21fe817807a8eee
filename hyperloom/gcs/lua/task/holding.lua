-- task_holding() -> { template, number, template, number, ... }
--
-- How many tasks of each template nodes hold, for people.  (How many there are in all is counted:
-- task/_count.lua.)  Costs as much as nodes hold, whatever waits.
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('task_holding', READS, function(ns)
  local times, distinct, reply = {}, {}, {}
  for _, node in ipairs(call('HKEYS', key.served(ns))) do
    for _, record in ipairs(many.hmget(key.task(ns), call('HKEYS', key.held(ns, node)))) do
      local template = string.sub(record, 1, code.TEMPLATE_ID)
      if not times[template] then
        times[template], distinct[#distinct + 1] = 0, template
      end
      times[template] = times[template] + 1
    end
  end
  table.sort(distinct)
  for i, template in ipairs(distinct) do
    reply[2 * i - 1], reply[2 * i] = template, times[template]
  end
  return reply
end)
