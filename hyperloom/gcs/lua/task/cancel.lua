-- task_cancel(failure, force, id, id, ...) -> { state, children, state, children, ... }
--
-- Tasks are not wanted any more.  What nobody holds, or only a lost node, ends at once: every
-- output becomes `failure` (state CANCELLED).  What a node holds is that node's to stop: it
-- is told so in its inbox (RUNNING; `force` = 1 says kill at once).  What is over stays as it
-- is (FINISHED).  `children` are the tasks that each submitted so far, concatenated; whoever
-- cancels recursively calls again with them.
--
-- A range of which one is cancelled is unrolled; the rest of it joins the back of its queue.
--
-- The queue keeps the entry of a cancelled task until a claim meets it and finds no record.
--
-- Refuses: nothing.
-- Writes:  held, range, wait, waiters, crowd, ready, queues, events, noted, and what
--          task/_fail.lua writes.

transition('task_cancel', DRAINS, function(ns, args)
  local failure, force, reply, unheld, seen = args[1], args[2], {}, {}, {}
  local nodes = call('HGETALL', key.served(ns))
  local ids, rest = {}, {}
  for i = 3, #args do
    ids[#ids + 1] = args[i]
  end
  local unrolled = act.unroll(ns, ids)
  for _, id in ipairs(ids) do
    local state = seen[id] or 'FINISHED'
    if not seen[id] and call('HEXISTS', key.task(ns), id) == 1 then
      local node, lost = act.holder(ns, id, nodes)
      if node and not lost then
        act.tell(ns, node, { code.CANCEL, id, force })
        state = 'RUNNING'
      else
        if lost then
          call('HDEL', key.held(ns, node), id)
        end
        unheld[#unheld + 1] = id
        state = 'CANCELLED'
      end
    end
    seen[id] = state
    reply[#reply + 1] = state
    reply[#reply + 1] = call('HGET', key.children(ns), id) or ''
  end
  if #unheld > 0 then
    local named = {}
    for i, template in ipairs(act.templates(ns, unheld)) do
      named[i] = unheld[i] .. template
    end
    act.note(ns, code.CANCELLED, table.concat(named))
  end
  local blocked = act.first_calls(ns, unheld)
  act.fail(ns, nil, unheld, failure)
  for _, task in ipairs(unrolled) do
    rest[#rest + 1] = not seen[task[2]] and task or nil
  end
  act.push_back(ns, rest)
  act.pass_over(ns, blocked)
  act.serve(ns)
  return reply
end)
