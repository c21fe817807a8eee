-- object_places(oid, oid, ...) -> { nodes, nodes, ... }
--
-- Where these objects lie in shared memory: the node that made each, then those with a copy, the
-- latest last, concatenated.  '' for one that does not exist, or does not lie anywhere.
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('object_places', READS, function(ns, oids)
  local values, copies = many.hmget(key.object(ns), oids), many.hmget(key.copies(ns), oids)
  for i = 1, #oids do
    local place = values[i] and act.place(values[i])
    values[i] = place and place .. (copies[i] or '') or ''
  end
  return values
end)
