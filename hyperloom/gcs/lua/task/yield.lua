-- task_yield(node, id, attempt, index, value) -> 'KEPT', 'ABANDONED', or number of items here
--
-- A streaming task has its next item: output number `index`, from 1 on.  (Output 0 is the
-- end of the stream, written by task_step.)  ABANDONED says that nobody reads the stream
-- any more, that the process that submitted it is dead, or that the task is over: the item
-- was not kept, and the task should stop.  An item that came before is left as it is, or was
-- read and let go of: a retry makes the same items again, and a word that was said twice may
-- arrive last.  Only if its node was lost it takes the place of what lay there.  What is not kept
-- is freed.  Of a server that came back in an older state items are missing before this one: then
-- nothing is kept, and the number of those that are here says which to say first.
--
-- Refuses: STALE when the task goes on, but not as the attempt that the node speaks of.
-- Writes:  heard, yielded, contains, copies, and what object/_settle.lua and ref/_count.lua write.

-- Whether this item, behind `here` that came, is one of them, and is not to come again.
local function came_before(ns, id, index, oid, here)
  if index > here then
    call('HSET', key.yielded(ns), id, index)
    return false
  end
  local value = call('HGET', key.object(ns), oid)
  if value and act.is_lost(ns, act.plan_remake(oid, ''), oid, value) then
    call('HDEL', key.copies(ns), oid)
    return false
  end
  return true
end

transition('task_yield', FILLS, function(ns, args)
  local node, id, attempt, index, value = unpack(args)
  local known = call('HEXISTS', key.task(ns), id) == 1
  if known and call('HGET', key.held(ns, node), id) ~= attempt then
    return refuse('STALE', 'task %s attempt %s is not held by this node', act.hex(id), attempt)
  end
  local oid, maker = act.output(id, tonumber(index)), string.sub(id, 1, code.PROCESS_ID)
  local read = known and call('HGET', key.refs(ns), act.output(id, 0)) ~= code.NOBODY
  if not read or not act.widen(ns, maker, tonumber(index) + 1) then
    act.turn_away(ns, oid, value)
    return 'ABANDONED'
  end
  local here = tonumber(call('HGET', key.yielded(ns), id) or 0)
  if tonumber(index) > here + 1 then
    return here
  end
  if came_before(ns, id, tonumber(index), oid, here) then
    act.turn_away(ns, oid, value)
  else
    if act.place(value) then
      value = value .. ',' .. act.templates(ns, { id })[1]
    end
    act.settle(ns, { oid }, { value })
    act.serve(ns)
  end
  return 'KEPT'
end)
