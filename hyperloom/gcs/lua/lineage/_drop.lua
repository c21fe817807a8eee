-- act.forget_makers(ns, tasks), act.drop_lineage(ns, id, row), act.lean_less(ns, id),
-- act.in_stores(ns, id, row), act.end_lineage(ns)
--
-- The end of a task's lineage (lineage/_keep.lua): its last output in a store has gone, and so has
-- the last record that leant on it.  What is over goes in slices: the rest is in `lineage_over`
-- and goes when other records come (lineage/_bound.lua).

-- One leans less on the task -> whether none does.
function act.lean_less(ns, id)
  if call('HINCRBY', key.leans(ns), id, -1) == 0 then
    call('HDEL', key.leans(ns), id)
    return true
  end
  return false
end

-- The row goes -> what it held, and the tasks that it leant on and nothing does any more.
function act.drop_lineage(ns, id, row)
  local lineage, held, free = act.lineage_of(row), {}, {}
  call('HDEL', key.lineage(ns), id)
  if lineage then
    call('DECRBY', key.lineage_bytes(ns), lineage.bytes)
    local _, refs = act.refs_of(lineage.record)
    for i, oid in ipairs(refs) do
      local mark, maker = string.sub(lineage.marks, i, i), string.sub(oid, 1, code.TASK_ID)
      if mark == 'h' then
        held[#held + 1] = oid
      elseif mark == 'l' and act.lean_less(ns, maker) then
        free[#free + 1] = maker
      end
    end
  end
  return held, free
end

-- How many outputs the task of a row has, if any of them lies in a store.
function act.in_stores(ns, id, row)
  local returns, oids = tonumber(string.match(row, '^.(%d+)')), {}
  for index = 0, returns - 1 do
    oids[#oids + 1] = act.output(id, index)
  end
  for _, value in ipairs(many.hmget(key.object(ns), oids)) do
    if value and act.place(value) then
      return returns
    end
  end
end

-- The rows of these go, if nothing needs them; then maybe those that they leant on.
function act.forget_makers(ns, tasks)
  local left = call('EXISTS', key.lineage(ns)) * code.LINEAGE_SLICE
  while #tasks > 0 and left > 0 do
    local id = table.remove(tasks)
    local row = call('HGET', key.lineage(ns), id)
    left = left - 1
    if row and call('HEXISTS', key.leans(ns), id) == 0 and not act.in_stores(ns, id, row) then
      local held, free = act.drop_lineage(ns, id, row)
      for _, other in ipairs(free) do
        tasks[#tasks + 1] = other
      end
      act.let_go(ns, held)
    end
  end
  many.rpush(key.lineage_over(ns), tasks)
  act.end_lineage(ns)
end

-- When there are no rows, nothing is kept about them.
function act.end_lineage(ns)
  if call('EXISTS', key.lineage(ns)) == 0 then
    call('DEL', key.lineage_order(ns), key.lineage_over(ns), key.lineage_bytes(ns))
  end
end
