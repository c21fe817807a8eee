-- act.free(ns, oid, value), act.turn_away(ns, oid, value)
--
-- A value that is only a location, code.SHARED node (8) size, lies in a node's shared memory
-- (hyperloom/objectstore).  Nobody holds it any more: the node is told to free it, if it
-- takes part in the job still.

function act.free(ns, oid, value)
  if string.sub(value, 1, 1) == code.SHARED then
    local node = string.sub(value, 2, 1 + code.NODE_ID)
    local served = call('HGET', key.served(ns), node)
    if served and served ~= code.LOST then
      act.tell(ns, node, { code.FREE, oid })
    end
  end
end

-- It was made and is not kept: nobody wants it, or it exists already.  Then what it holds is
-- the object's, and where that lies is nothing to be freed: both have the same name.
function act.turn_away(ns, oid, value)
  local place = 1 + code.NODE_ID
  local kept = call('HGET', key.object(ns), oid)
  local inner = not kept and call('HGET', key.contains(ns), oid)
  if inner then
    call('HDEL', key.contains(ns), oid)
    act.let_go(ns, many.cut(inner, code.OBJECT_ID, {}))
  end
  if not kept or string.sub(kept, 1, place) ~= string.sub(value, 1, place) then
    act.free(ns, oid, value)
  end
end
