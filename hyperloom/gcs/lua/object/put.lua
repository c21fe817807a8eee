-- object_put(process, seq, count, oid, value, contained, oid, value, contained, ...)
--   -> number put
--
-- Values that the process made itself, held by it.  `contained` are the refs inside the
-- value, concatenated; the object holds them as long as it lives.  `count` is how many tasks
-- and puts the process has made so far, at most.
--
-- Refuses: GAP, see act.answered.
-- Writes:  heard, object, contains, refs.

transition('object_put', FILLS, function(ns, args)
  local process, seq = args[1], args[2]
  local answered = act.answered(ns, process, seq, tonumber(args[3]), 1)
  if answered then
    return answered
  end
  local rows, lists, inner = {}, {}, {}
  for i = 4, #args, 3 do
    rows[#rows + 1] = args[i]
    rows[#rows + 1] = args[i + 1]
    if args[i + 2] ~= '' then
      lists[#lists + 1] = args[i]
      lists[#lists + 1] = args[i + 2]
      many.cut(args[i + 2], code.OBJECT_ID, inner)
    end
  end
  many.hset(key.object(ns), rows)
  many.hset(key.contains(ns), lists)
  act.hold(ns, inner)
  return #rows / 2
end)
