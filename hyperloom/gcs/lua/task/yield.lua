-- task_yield(node, id, attempt, index, value) -> 'KEPT' or 'ABANDONED'
--
-- A streaming task has its next item: output number `index`, from 1 on.  (Output 0 is the
-- end of the stream, written by task_step.)  ABANDONED says that nobody reads the stream
-- any more: the item was not kept, and the task should stop.  An item that exists already
-- is left as it is: a retry makes the same items again.
--
-- Refuses: STALE when the node does not hold that attempt any more.
-- Writes:  made, and what object/_settle.lua writes.

transition('task_yield', FILLS, function(ns, args)
  local node, id, attempt, index, value = unpack(args)
  local held = call('HGET', key.held(ns, node), id)
  if not held or held ~= attempt then
    return refuse('STALE', 'task %s attempt %s is not held by this node', act.hex(id), attempt)
  end
  if call('HGET', key.refs(ns), act.output(id, 0)) == code.NOBODY then
    return 'ABANDONED'
  end
  local oid = act.output(id, tonumber(index))
  if call('HEXISTS', key.object(ns), oid) == 0 then
    act.made(ns, string.sub(id, 1, code.PROCESS_ID), id, tonumber(index) + 1)
    act.settle(ns, { oid }, { value })
    act.serve(ns)
  end
  return 'KEPT'
end)
