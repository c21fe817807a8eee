-- task_cancel(failure, force, id, id, ...) -> { state, children, state, children, ... }
--
-- Tasks are not wanted any more.  What nobody holds ends at once: every output becomes
-- `failure` (state CANCELLED).  What a node holds is that node's to stop: it is told so in
-- its inbox (RUNNING; `force` = 1 says kill at once).  What is over stays as it is
-- (FINISHED).  `children` are the tasks that each submitted so far, concatenated; whoever
-- cancels recursively calls again with them.
--
-- The queue keeps the entry of a cancelled task until a claim meets it and finds no record.
--
-- Refuses: nothing.
-- Writes:  inbox, and what task/_fail.lua writes.

local function holder(ns, id)
  for _, node in ipairs(call('HKEYS', key.served(ns))) do
    if call('HEXISTS', key.held(ns, node), id) == 1 then
      return node
    end
  end
end

transition('task_cancel', DRAINS, function(ns, args)
  local failure, force, reply, unheld = args[1], args[2], {}, {}
  for i = 3, #args do
    local id = args[i]
    reply[#reply + 1] = 'FINISHED'
    if call('HEXISTS', key.task(ns), id) == 1 then
      local node = holder(ns, id)
      if node then
        call('RPUSH', key.inbox(ns, node), code.CANCEL, id, force, '')
        reply[#reply] = 'RUNNING'
      else
        unheld[#unheld + 1] = id
        reply[#reply] = 'CANCELLED'
      end
    end
    reply[#reply + 1] = call('HGET', key.children(ns), id) or ''
  end
  act.fail(ns, nil, unheld, failure)
  act.serve(ns)
  return reply
end)
