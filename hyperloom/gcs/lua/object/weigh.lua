-- object_weigh(cursor, count, above)
--   -> { cursor, { oid, value, holders, ... }, { process, 5 numbers, ... } }
--
-- About so many of the objects, as HSCAN has them, for people: what lies in stores and what is
-- larger than `above` bytes one by one, all others summed up for the process that made them: how
-- many, their bytes, those that failed; how many that process holds, and their bytes.  Of an inline
-- value its first byte and its size are told, of what was cancelled (it has not failed) CANCELLED
-- and its size; holders are as in `refs`, '' for none.
--
-- Refuses: nothing.
-- Writes:  nothing.

-- the sums of each process, in the order in which they came
local function add(sums, order, process, size, failed, held)
  local sum = sums[process]
  if not sum then
    sum = { process, 0, 0, 0, 0, 0 }
    sums[process], order[#order + 1] = sum, sum
  end
  sum[2], sum[3], sum[4] = sum[2] + 1, sum[3] + size, sum[4] + failed
  if held then
    sum[5], sum[6] = sum[5] + 1, sum[6] + size
  end
end

transition('object_weigh', READS, function(ns, args)
  local cursor, flat = unpack(call('HSCAN', key.object(ns), args[1], 'COUNT', args[2]))
  local above, oids, rows, sums, order = tonumber(args[3]), {}, {}, {}, {}
  for i = 1, #flat, 2 do
    oids[#oids + 1] = flat[i]
  end
  local refs = many.hmget(key.refs(ns), oids)
  for i, oid in ipairs(oids) do
    local value, last = flat[2 * i], #rows
    local mark, became = string.sub(value, 1, 1), act.became(value)
    if became == code.CANCELLED then
      mark = became
    end
    if mark == code.SHARED or #value > above then
      rows[last + 1], rows[last + 3] = oid, refs[i] or ''
      rows[last + 2] = mark == code.SHARED and value or mark .. #value
    else
      local failed = became == code.FAILED and 1 or 0
      local process = string.sub(oid, 1, code.PROCESS_ID)
      add(sums, order, process, #value, failed, act.maker_holds(refs[i]))
    end
  end
  local told = {}
  for _, sum in ipairs(order) do
    for _, each in ipairs(sum) do
      told[#told + 1] = each
    end
  end
  return { cursor, rows, told }
end)
