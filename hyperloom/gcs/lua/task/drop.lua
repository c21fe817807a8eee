-- task_drop(most) -> number of spans that are left
--
-- So many spans that are shut are dropped: see task/shut.lua.
--
-- Refuses: nothing.
-- Writes:  shut, dropping, range, and what task/cancel.lua writes.

transition('task_drop', DRAINS, function(ns, args)
  local left = 0
  for _ = 1, tonumber(args[1]) do
    left = act.drop_next(ns)
  end
  act.serve(ns)
  return left
end)
