-- act.inputs(ns, records) -> for each record, the values of the task's inputs
--
-- Each value as "<length>:<bytes>", one after the other; those of all records are read at once.

local function joined(values, at, number, heads)
  local parts = {}
  for k = 1, number do
    local value = values[at + k] or code.LOST
    local size = #value
    heads[size] = heads[size] or size .. ':'  -- few differ
    parts[2 * k - 1], parts[2 * k] = heads[size], value
  end
  return table.concat(parts)
end

function act.inputs(ns, records)
  local all, numbers, each, heads = {}, {}, {}, {}
  for i = 1, #records do
    local own = act.inputs_of(records[i])
    numbers[i] = #own
    for k = 1, #own do
      all[#all + 1] = own[k]
    end
  end
  local values, at = many.hmget(key.object(ns), all), 0
  for i = 1, #numbers do
    local number = numbers[i]
    each[i] = number == 0 and '' or joined(values, at, number, heads)
    at = at + number
  end
  return each
end
