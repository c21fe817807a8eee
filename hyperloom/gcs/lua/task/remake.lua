-- task_remake(oid, gone) -> { answer } or { why, object id }
--
-- A node wants an object that lies in stores alone, and the nodes `gone`, concatenated, which
-- should have it, do not.  The task that made it runs again, and so do those that made what it
-- takes, as far as that is gone too: code.REMAKE.  If others have it, or it has a value by now,
-- HERE, and if it is being made MAKING: then it is to be looked at again.  Else `why` (a letter,
-- code.WAS_PUT and so on) says what is in the way, and of which object; nothing is changed.  What
-- was freed meanwhile nobody wants any more (code.FORGOTTEN), even if its lineage is there.
--
-- Refuses: nothing.
-- Writes:  lineage, lineage_bytes, leans, remade, task, tries, object, copies, refs, wait, waiters,
--          crowd, held, idle, served, ready, queues, counts.

transition('task_remake', DRAINS, function(ns, args)
  local oid, plan = args[1], act.plan_remake(args[1], args[2])
  local value = call('HGET', key.object(ns), oid)
  if value and not act.is_lost(ns, plan, oid, value) then
    return { 'HERE' }
  elseif not value then
    return act.is_made(ns, oid) and { 'MAKING' } or { code.FORGOTTEN, oid }
  end
  local why, which = act.obstacle(ns, plan, oid)
  if why then
    return { why, which }
  end
  act.remake(ns, plan)
  act.serve(ns)
  return { code.REMAKE }
end)
