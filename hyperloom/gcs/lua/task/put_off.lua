-- task_put_off(node, id, attempt) -> { 'READY' or 'WAITING' or 'STALE' } or { why, object id }
--
-- A node returns a task that it has not begun, with the same attempt, since inputs of it do not
-- exist (any more): it waits until they do, as it did before.  Those that nobody makes are made
-- again (task/remake.lua); if one cannot be, that is answered and the node keeps the task.  STALE:
-- it does not hold it.
--
-- Refuses: nothing.
-- Writes:  held, and what task/remake.lua writes.

transition('task_put_off', DRAINS, function(ns, args)
  local node, id, attempt = unpack(args)
  local record = call('HGET', key.task(ns), id)
  if not record or call('HGET', key.held(ns, node), id) ~= attempt then
    return { 'STALE' }
  end
  local plan, inputs = act.plan_remake('', ''), act.inputs_of(record)
  for _, oid in ipairs(inputs) do
    local why, which = act.obstacle(ns, plan, oid)
    if why then
      return { why, which }
    end
  end
  call('HDEL', key.held(ns, node), id)
  call('HDEL', key.idle(ns), node)
  act.remake(ns, plan)
  local template = string.sub(record, 1, code.TEMPLATE_ID)
  local mark = attempt ~= '1' and ',' .. attempt or nil
  local ready = act.await(ns, { { id, template, inputs, 0, mark } })
  act.push_front(ns, ready)
  act.serve(ns)
  return { #ready == 1 and 'READY' or 'WAITING' }
end)
