-- act.inputs(ns, records) -> for each record, the values of the task's inputs
--
-- Each value as "<length>:<bytes>", one after the other; those of all records are read at once.

function act.inputs(ns, records)
  local all, names = {}, {}
  for i, record in ipairs(records) do
    names[i] = act.inputs_of(record)
    for _, oid in ipairs(names[i]) do
      all[#all + 1] = oid
    end
  end
  local values, at, each = many.hmget(key.object(ns), all), 0, {}
  for i, own in ipairs(names) do
    local parts = {}
    for k = 1, #own do
      local value = values[at + k] or code.LOST
      parts[k] = #value .. ':' .. value
    end
    at, each[i] = at + #own, table.concat(parts)
  end
  return each
end
