-- act.failed(ns, oids, values), act.stop(ns, process), act.stop_held(ns)
--
-- The tasks of a process that asked for it (process/stops.lua) stop at the first failure of one
-- of them, which is found where the failure is told.  All of them are shut then, and dropped slice
-- by slice (task/_shut.lua): so it does not matter who is alive, since what is left to do is
-- written down.

function act.failed(ns, oids, values)
  for i, oid in ipairs(oids) do
    local process = string.sub(oid, 1, code.PROCESS_ID)
    if call('HEXISTS', key.stops(ns), process) == 1 then
      if call('HSETNX', key.stopped(ns), process, values[i]) == 1 then
        act.stop(ns, process)
      end
    end
  end
end

-- All that it has submitted, from the last to the first: those who take, before those who make.
function act.stop(ns, process)
  local count, spans = act.made(ns, process), {}
  for n = math.floor(count / code.RANGE_TASKS), 0, -1 do
    local id = act.task_ids(process, n * code.RANGE_TASKS, n * code.RANGE_TASKS)[1]
    spans[#spans + 1] = id .. string.char(code.RANGE_TASKS - 1)
  end
  act.shut(ns, spans, call('HGET', key.stops(ns), process))
  act.stop_held(ns)
end

-- What nodes hold of what is shut they are told to stop.
function act.stop_held(ns)
  local nodes = call('HGETALL', key.served(ns))
  for i = 1, #nodes, 2 do
    if nodes[i + 1] ~= code.LOST then
      local held = call('HKEYS', key.held(ns, nodes[i]))
      table.sort(held)
      local open = {}
      for _, id in ipairs(act.not_shut(ns, held)) do
        open[id] = true
      end
      for _, id in ipairs(held) do
        if not open[id] then
          act.tell(ns, nodes[i], { code.CANCEL, id, '0' })
        end
      end
    end
  end
end
