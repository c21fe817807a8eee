-- task_cancel(failure, force, id, id, ...) -> { state, children, state, children, ... }
--
-- Tasks are not wanted any more.  What nobody holds, or only a lost node, ends at once: every
-- output becomes `failure` (state CANCELLED).  What a node holds is that node's to stop: it
-- is told so in its inbox (RUNNING; `force` = 1 says kill at once).  What is over stays as it
-- is (FINISHED).  `children` are the tasks that each submitted so far, concatenated; whoever
-- cancels recursively calls again with them.
--
-- A range of which one is cancelled is unrolled; the rest of it joins the back of its queue.  What
-- is in a range and is shut is left as it is: it ends when that is dropped (task/_shut.lua).
--
-- The queue keeps the entry of a cancelled task until a claim meets it and finds no record.
--
-- Refuses: nothing.
-- Writes:  held, range, wait, waiters, crowd, ready, queues, events, noted, and what
--          task/_fail.lua writes.

-- Those that are in a range and are shut: nobody has them, and nothing of them begins.
local function ending(ns, ids)
  local found = {}
  if call('EXISTS', key.shut(ns)) == 1 then
    for id in pairs(act.ranged(ns, ids)) do
      found[id] = true
    end
    for _, id in ipairs(act.not_shut(ns, ids)) do
      found[id] = nil
    end
  end
  return found
end

transition('task_cancel', DRAINS, function(ns, args)
  local ids, others, reply = {}, {}, {}
  for i = 3, #args do
    ids[#ids + 1] = args[i]
  end
  local ends = ending(ns, ids)
  for _, id in ipairs(ids) do
    others[#others + 1] = not ends[id] and id or nil
  end
  local told, at = act.cancel(ns, others, args[1], args[2]), 1
  for _, id in ipairs(ids) do
    local state, children = 'CANCELLED', ''
    if not ends[id] then
      state, children, at = told[at], told[at + 1], at + 2
    end
    reply[#reply + 1], reply[#reply + 2] = state, children
  end
  act.serve(ns)
  return reply
end)
