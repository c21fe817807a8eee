-- task_first(queue) -> { entry, record, inputs }, as who claims it would be given it; or {}
--
-- The task that stands first in a queue, for a node that is full and asks what would have to be
-- fetched for it (raylet/foresight.py).  Nothing is told of a range, or of one that was cancelled.
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('task_first', READS, function(ns, args)
  local entry = call('LINDEX', key.ready(ns, args[1]), 0)
  local whole = entry and #entry >= code.TASK_ID
  local record = whole and call('HGET', key.task(ns), (act.split(entry)))
  if not record then
    return {}
  end
  return { entry, record, act.inputs(ns, { record })[1] }
end)
