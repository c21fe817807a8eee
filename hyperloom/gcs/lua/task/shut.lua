-- task_shut(failure, span, span, ...) -> number of spans that are to be dropped
--
-- Very many tasks are not wanted any more.  From now on nothing of them is handed out; then
-- every output of what no node holds becomes `failure`, in slices (task/_shut.lua): whoever
-- cancels says task_drop until it answers 0, and steps of nodes do a slice each, so that it is
-- done even when nobody says so any more.  Their children are cancelled, too.
--
-- What nodes hold of them they are told to stop at once.
--
-- Refuses: nothing.
-- Writes:  shut, dropping.

transition('task_shut', DRAINS, function(ns, args)
  local failure, spans = table.remove(args, 1), args
  act.shut(ns, spans, failure)
  act.stop_held(ns)
  return call('LLEN', key.dropping(ns))
end)
