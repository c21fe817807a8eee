-- actor_find(process, name) -> { id, template body }, or nil when nobody has the name
--
-- The actor with this full name; the process holds it from now on.
--
-- Refuses: nothing.
-- Writes:  refs, holds.

transition('actor_find', FILLS, function(ns, args)
  local id = call('HGET', key.name(ns), args[2])
  if not id then
    return nil
  end
  act.found_by(ns, args[1], act.output(id, 0))
  local template = string.sub(call('HGET', key.task(ns), id), 1, code.TEMPLATE_ID)
  return { id, call('HGET', key.template(ns), template) }
end)
