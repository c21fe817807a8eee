-- task_yield(node, id, attempt, index, value) -> 'KEPT' or 'ABANDONED'
--
-- A streaming task has its next item: output number `index`, from 1 on.  (Output 0 is the
-- end of the stream, written by task_step.)  ABANDONED says that nobody reads the stream
-- any more, or that the process that submitted it is dead: the item was not kept, and the
-- task should stop.  An item that exists already is left as it is: a retry makes the same
-- items again.
--
-- Refuses: STALE when the node does not hold that attempt any more.
-- Writes:  heard, contains, and what object/_settle.lua and ref/_count.lua write.

transition('task_yield', FILLS, function(ns, args)
  local node, id, attempt, index, value = unpack(args)
  local held = call('HGET', key.held(ns, node), id)
  if not held or held ~= attempt then
    return refuse('STALE', 'task %s attempt %s is not held by this node', act.hex(id), attempt)
  end
  local oid, maker = act.output(id, tonumber(index)), string.sub(id, 1, code.PROCESS_ID)
  local read = call('HGET', key.refs(ns), act.output(id, 0)) ~= code.NOBODY
  if not read or not act.widen(ns, maker, tonumber(index) + 1) then
    local inner = call('HGET', key.contains(ns), oid)
    if inner then
      call('HDEL', key.contains(ns), oid)
      act.let_go(ns, many.cut(inner, code.OBJECT_ID, {}))
    end
    return 'ABANDONED'
  end
  if call('HEXISTS', key.object(ns), oid) == 0 then
    act.settle(ns, { oid }, { value })
    act.serve(ns)
  end
  return 'KEPT'
end)
