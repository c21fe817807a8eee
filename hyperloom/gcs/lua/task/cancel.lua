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
  local ids = {}
  for i = 3, #args do
    ids[#ids + 1] = args[i]
  end
  local reply = act.cancel(ns, ids, args[1], args[2])
  act.serve(ns)
  return reply
end)
