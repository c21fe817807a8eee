-- actor_save(node, actor, attempt, refs, state, id, attempt, heading, outputs, value..., ...)
--   -> { 1, or 0 if nothing was saved; 1 if there is more to do: go on with task_step }
--
-- Calls of an actor are finished, as in task/step.lua, and this is its state after them, which
-- contains these refs (concatenated): both or neither.  So what was answered is in the state with
-- which it starts again, and what was not is not.  If another incarnation has begun, or none of the
-- results is wanted any more (it was said before), nothing is saved.
--
-- Refuses: nothing.
-- Writes:  saved, refs, and what task/step.lua writes of results.

transition('actor_save', DRAINS, function(ns, args)
  local node, actor, attempt, text, state = unpack(args, 1, 5)
  local number, at = 0, 6
  while at <= #args do
    number, at = number + 1, at + 4 + tonumber(args[at + 3])
  end
  local refs = many.cut(text, code.OBJECT_ID, {})
  act.hold(ns, refs)
  local current = call('HGET', key.held(ns, node), actor) == attempt
  local stale = act.finish(ns, node, args, 6)
  current = current and call('HEXISTS', key.actor(ns), actor) == 1
  local saved = current and #stale < number
  if saved then
    act.save_state(ns, actor, text, state)
  else
    act.let_go(ns, refs)
  end
  act.serve(ns)
  return { saved and 1 or 0, math.min(1, call('EXISTS', key.waking(ns), key.releasing(ns))) }
end)
