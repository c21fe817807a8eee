-- ref_contain(process, seq, oid, contained, oid, contained, ...) -> number of objects
--
-- The values of these objects, which are about to be reported as results, contain refs: the
-- objects hold them.  Said by the worker before the result is reported, while it still
-- holds the refs itself.  Said again by a second attempt, it replaces what the first said.
--
-- Refuses: GAP, see act.answered.
-- Writes:  heard, contains, refs, object, inbox.

transition('ref_contain', DRAINS, function(ns, args)
  local process, seq = args[1], args[2]
  local answered = act.answered(ns, process, seq)
  if answered then
    return answered
  end
  local oids, rows, inner, before = {}, {}, {}, {}
  for i = 3, #args, 2 do
    oids[#oids + 1] = args[i]
    rows[#rows + 1] = args[i]
    rows[#rows + 1] = args[i + 1]
    many.cut(args[i + 1], code.OBJECT_ID, inner)
  end
  for _, list in ipairs(many.hmget(key.contains(ns), oids)) do
    many.cut(list or '', code.OBJECT_ID, before)
  end
  act.hold(ns, inner)
  many.hset(key.contains(ns), rows)
  act.let_go(ns, before)
  return #oids
end)
