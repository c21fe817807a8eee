-- act.ranged(ns, ids) -> { [id] = range }
-- act.unroll(ns, ids) -> { template, id } of those that are ready
--
-- Tasks that nobody took yet and that are meant by themselves (task/_range.lua).

local function name_of(id)
  return string.sub(id, 1, code.RANGE_ID)
end

-- Those of `ids` that are in a range, and that range.
function act.ranged(ns, ids)
  local found, names, ranges = {}, {}, {}
  if call('EXISTS', key.range(ns)) == 0 then
    return found
  end
  for _, id in ipairs(ids) do
    if ranges[name_of(id)] == nil then
      ranges[name_of(id)], names[#names + 1] = false, name_of(id)
    end
  end
  for i, row in ipairs(many.hmget(key.range(ns), names)) do
    ranges[names[i]] = row and act.range_of(row)
  end
  for _, id in ipairs(ids) do
    local range, last = ranges[name_of(id)], string.byte(id, code.TASK_ID)
    if range and last >= range.first and last <= range.last then
      found[id] = range
    end
  end
  return found
end

-- The ranges that these are in become tasks as any others, each of which waits by itself.
function act.unroll(ns, ids)
  local ready, waiting, waits, ranges = {}, {}, {}, act.ranged(ns, ids)
  local counted = {}  -- those that waited in their range
  for _, id in ipairs(ids) do
    local entries, records = {}, {}
    if ranges[id] then
      act.draw(ns, name_of(id), code.RANGE_TASKS, entries, records)
    end
    local waits_on = entries[1] and call('HGET', key.wait(ns), entries[1])
    if waits_on then
      -- Who lacks the inputs is written down as the first task: that stays, the others join.
      waits[#waits + 1], waits[#waits + 2] = entries[1], string.sub(waits_on, 1, -2)
    end
    for i, entry in ipairs(entries) do
      local template = string.sub(records[i], 1, code.TEMPLATE_ID)
      if not waits_on then
        ready[#ready + 1] = { template, entry }
      elseif i > 1 then
        waiting[#waiting + 1] = { entry, template, act.inputs_of(records[i]), 0 }
        counted[#counted + 1] = template
      end
    end
  end
  many.hset(key.wait(ns), waits)
  act.count(ns, code.WAITING, counted, -1)
  for _, task in ipairs(act.await(ns, waiting)) do
    ready[#ready + 1] = task
  end
  return ready
end
