-- task_give_back(node, id, attempt, id, attempt, ...) -> number of tasks put back
--
-- A node returns tasks that it has not begun: to the front of their queues, with the same
-- attempt, since nothing was tried.  Its standing claim is withdrawn, or they would come
-- straight back.  Their entries have the attempt in any case, as if they had been handed on
-- (task/hand_on.lua): who gets one shall not hand it on to the node that left it to others.
--
-- Refuses: nothing.  What it does not hold is passed over.
-- Writes:  held, idle, ready, queues, served.

transition('task_give_back', DRAINS, function(ns, args)
  local node, ids, back, gone = args[1], {}, {}, {}
  for i = 2, #args, 2 do
    ids[#ids + 1] = args[i]
  end
  local held = many.hmget(key.held(ns, node), ids)
  local records = many.hmget(key.task(ns), ids)
  for k, id in ipairs(ids) do
    local attempt = args[1 + 2 * k]
    if held[k] and held[k] == attempt and records[k] then
      gone[#gone + 1] = id
      back[#back + 1] = { string.sub(records[k], 1, code.TEMPLATE_ID), id .. attempt }
    end
  end
  call('HDEL', key.idle(ns), node)
  many.hdel(key.held(ns, node), gone)
  act.push_front(ns, back)
  act.serve(ns)
  return #back
end)
