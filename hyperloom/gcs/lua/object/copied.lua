-- object_copied(node, oid, oid, ...) -> those that are no objects any more, concatenated
--
-- The node has fetched these from others: from now on they lie there too, other nodes may have
-- them from it, and it is told when they are to be freed.  What ended meanwhile it frees by
-- itself.
--
-- Refuses: nothing.
-- Writes:  copies.

transition('object_copied', DRAINS, function(ns, args)
  local node, oids, rows, ended = args[1], {}, {}, {}
  for i = 2, #args do
    oids[i - 1] = args[i]
  end
  local values, copies = many.hmget(key.object(ns), oids), many.hmget(key.copies(ns), oids)
  for i, oid in ipairs(oids) do
    local place, list = values[i] and act.place(values[i]), copies[i] or ''
    if not place then
      ended[#ended + 1] = oid
    elseif place ~= node and not act.among(list, node) then
      rows[#rows + 1] = oid
      rows[#rows + 1] = list .. node
    end
  end
  many.hset(key.copies(ns), rows)
  return table.concat(ended)
end)
