-- act.forget_plans(ns, process, plans)
--
-- Nobody can take up these plans of the process any more; without `plans`, none of it.

function act.forget_plans(ns, process, plans)
  local rows, records = {}, {}
  if plans then
    for i, plan in ipairs(plans) do
      rows[i] = process .. plan
    end
  elseif call('EXISTS', key.plans(ns)) == 1 then
    for _, row in ipairs(call('HKEYS', key.plans(ns))) do
      if string.sub(row, 1, code.PROCESS_ID) == process then
        rows[#rows + 1] = row
      end
    end
  end
  for i, row in ipairs(rows) do
    records[i] = key.record(ns, string.sub(row, code.PROCESS_ID + 1))
  end
  many.hdel(key.plans(ns), rows)
  for first = 1, #records, SLICE do
    call('UNLINK', unpack(records, first, math.min(first + SLICE - 1, #records)))
  end
end
