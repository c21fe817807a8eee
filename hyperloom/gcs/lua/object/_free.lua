-- act.free(ns, oid, value)
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
