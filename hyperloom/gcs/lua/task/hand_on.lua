-- task_hand_on(node, wish, id, attempt) -> 1, or 0 if the node does not hold it
--
-- A node hands on a task that it has not begun, since most bytes of its inputs lie on another
-- one, with the same attempt: to the front of a queue of which that one has the first choice (see
-- `wish` in task/_room.lua).  Others take it when they have nothing else to do.  Its entry has
-- the attempt in any case, which shows that it was handed on: that is done once.
--
-- Refuses: nothing.
-- Writes:  held, idle, ready, queues, served.

transition('task_hand_on', DRAINS, function(ns, args)
  local node, wish, id, attempt = unpack(args)
  local held, record = call('HGET', key.held(ns, node), id), call('HGET', key.task(ns), id)
  if not held or held ~= attempt or not record then
    return 0
  end
  local queue = act.template(ns, string.sub(record, 1, code.TEMPLATE_ID)).queue
  call('HDEL', key.held(ns, node), id)
  act.enqueue(ns, 'LPUSH', queue .. '|' .. wish, { id .. attempt })
  act.serve(ns)
  return 1
end)
