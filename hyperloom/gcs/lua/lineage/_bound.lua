-- act.bound_lineage(ns)
--
-- How much lineage is kept.  `lineage_order` has the tasks of its rows in the order in which they
-- came, and some that are gone; `lineage_bytes` counts what the rows take and hold.

-- The oldest go while there are too many bytes.
local function evict(ns)
  while tonumber(call('GET', key.lineage_bytes(ns)) or 0) > code.LINEAGE_BYTES do
    local id = call('LPOP', key.lineage_order(ns))
    local row = call('HGET', key.lineage(ns), id)
    if row and act.lineage_of(row) then
      local held, free = act.drop_lineage(ns, id, row)
      local returns = act.in_stores(ns, id, row)
      if returns then
        call('HSET', key.lineage(ns), id, code.DROPPED .. returns)
      end
      act.let_go(ns, held)
      act.forget_makers(ns, free)
    end
  end
end

-- Names that stand for nothing any more leave, as fast as others come.
local function tidy(ns)
  local order = key.lineage_order(ns)
  for _ = 1, 2 do
    local id = call('LPOP', order)
    if not id then
      return
    end
    if call('HEXISTS', key.lineage(ns), id) == 1 then
      local long = call('LLEN', order) > 2 * call('HLEN', key.lineage(ns)) + code.LINEAGE_SLICE
      call(long and 'RPUSH' or 'LPUSH', order, id)
    end
  end
end

-- Some are about to come.
function act.bound_lineage(ns)
  evict(ns)
  tidy(ns)
  act.forget_makers(ns, call('LPOP', key.lineage_over(ns), code.LINEAGE_SLICE) or {})
end
