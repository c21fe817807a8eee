-- ref_acquire(process, seq, oids) -> number it did not hold before
--
-- The process came by refs that it did not make (they were inside a value): it holds them
-- from now on.  It must say so before it lets go of what they came in.
--
-- Refuses: GAP, see act.answered.
-- Writes:  heard, refs, holds.

transition('ref_acquire', DRAINS, function(ns, args)
  local process, seq, oids = args[1], args[2], many.cut(args[3], code.OBJECT_ID, {})
  local answered = act.answered(ns, process, seq)
  if answered then
    return answered
  end
  return act.hold_for(ns, process, oids)
end)
