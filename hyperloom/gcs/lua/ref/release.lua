-- ref_release(process, seq, made, borrowed) -> number released
--
-- The last ref to these objects in this process is gone.  `made`: the process made them.
-- `borrowed`: it acquired them.  Both are concatenated object ids.
--
-- Refuses: GAP, see act.answered.
-- Writes:  heard, refs, holds, object, contains.

transition('ref_release', DRAINS, function(ns, args)
  local process, seq = args[1], args[2]
  local answered = act.answered(ns, process, seq)
  if answered then
    return answered
  end
  local made = many.cut(args[3], code.OBJECT_ID, {})
  local borrowed = act.members(ns, process, many.cut(args[4], code.OBJECT_ID, {}), 1)
  act.abandon(ns, made)
  many.srem(key.holds(ns, process), borrowed)
  act.let_go(ns, borrowed)
  return #made + #borrowed
end)
