-- act.free(ns, oid, value)
--
-- A value that is only a location, code.SHARED node (8) size, lies in a node's shared memory
-- (hyperloom/objectstore).  Nobody holds it any more: the node is told to free it.

function act.free(ns, oid, value)
  if string.sub(value, 1, 1) == code.SHARED then
    local node = string.sub(value, 2, 1 + code.NODE_ID)
    call('RPUSH', key.inbox(ns, node), code.FREE, oid, '', '')
  end
end
