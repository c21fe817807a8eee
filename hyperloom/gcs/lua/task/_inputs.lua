-- act.inputs(ns, records) -> for each record, the values of the task's inputs
--
-- Each value as "<length>:<bytes>", one after the other; those of all records are read at once.

local function joined(values, at, number)
  local parts = {}
  for k = 1, number do
    local value = values[at + k] or code.LOST
    parts[k] = #value .. ':' .. value
  end
  return table.concat(parts)
end

function act.inputs(ns, records)
  local all, numbers, each = {}, {}, {}
  for i, record in ipairs(records) do
    local own = act.inputs_of(record)
    numbers[i] = #own
    for k = 1, #own do
      all[#all + 1] = own[k]
    end
  end
  local values, at = many.hmget(key.object(ns), all), 0
  for i, number in ipairs(numbers) do
    each[i] = number == 0 and '' or joined(values, at, number)
    at = at + number
  end
  return each
end
