-- ref_contain(process, seq, oid, contained, oid, contained, ...) -> number of objects
--
-- The values of these objects, which are about to be reported as results, contain refs: the
-- objects hold them.  Said by the worker before the result is reported, while it still
-- holds the refs itself.  Said again by a second attempt, it replaces what the first said;
-- said of an object that exists, or that nobody is making any more, it is passed over.
--
-- Refuses: GAP, see act.answered.
-- Writes:  heard, contains, refs, object.

transition('ref_contain', DRAINS, function(ns, args)
  local process, seq = args[1], args[2]
  local answered = act.answered(ns, process, seq)
  if answered then
    return answered
  end
  local tasks, all = {}, {}
  for i = 3, #args, 2 do
    tasks[#tasks + 1] = string.sub(args[i], 1, code.TASK_ID)
    all[#all + 1] = args[i]
  end
  local making, there = many.hmget(key.task(ns), tasks), many.hmget(key.object(ns), all)
  local oids, rows, inner, before = {}, {}, {}, {}
  for i = 1, #all do
    if making[i] and not there[i] then
      local contained = args[1 + 2 * i + 1]
      oids[#oids + 1] = all[i]
      rows[#rows + 1] = all[i]
      rows[#rows + 1] = contained
      many.cut(contained, code.OBJECT_ID, inner)
    end
  end
  for _, list in ipairs(many.hmget(key.contains(ns), oids)) do
    many.cut(list or '', code.OBJECT_ID, before)
  end
  act.hold(ns, inner)
  many.hset(key.contains(ns), rows)
  act.let_go(ns, before)
  return #oids
end)
