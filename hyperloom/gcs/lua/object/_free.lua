-- act.free(ns, oid, value), act.turn_away(ns, oid, value), act.place(value),
-- act.stored_bytes(value), act.among(list, id)
--
-- A value that is only a location, code.SHARED node (8) size, and of what a task made "," and its
-- template, lies in a node's shared memory (hyperloom/objectstore).  Nodes that read it have
-- copies and are listed in `copies` (object/copied.lua).  Nobody holds the object any more: each of
-- them is told to free it, if it takes part in the job still.

-- the node where a value lies; nil for one that does not lie anywhere
function act.place(value)
  if string.sub(value, 1, 1) == code.SHARED then
    return string.sub(value, 2, 1 + code.NODE_ID)
  end
end

-- how large such a value is; nil for another
function act.stored_bytes(value)
  return act.place(value) and tonumber(string.match(value, '^%d+', 2 + code.NODE_ID))
end

-- whether an id is one of those that the list is a concatenation of
function act.among(list, id)
  for first = 1, #list, #id do
    if string.sub(list, first, first + #id - 1) == id then
      return true
    end
  end
  return false
end

local function tell(ns, node, oid)
  local served = call('HGET', key.served(ns), node)
  if served and served ~= code.LOST then
    act.tell(ns, node, { code.FREE, oid })
  end
end

function act.free(ns, oid, value)
  local node = act.place(value)
  if node then
    tell(ns, node, oid)
    local copies = call('HGET', key.copies(ns), oid)
    if copies then
      call('HDEL', key.copies(ns), oid)
      for _, other in ipairs(many.cut(copies, code.NODE_ID, {})) do
        tell(ns, other, oid)
      end
    end
  end
end

-- It was made and is not kept: nobody wants it, or it exists already.  Then what it holds is
-- the object's, and where that lies, or a copy of it, is nothing to be freed: both have the same
-- name.
function act.turn_away(ns, oid, value)
  local node = act.place(value)
  local kept = call('HGET', key.object(ns), oid)
  local inner = not kept and call('HGET', key.contains(ns), oid)
  if inner then
    call('HDEL', key.contains(ns), oid)
    act.let_go(ns, many.cut(inner, code.OBJECT_ID, {}))
  end
  if node and not (kept and act.place(kept) == node) then
    local copies = kept and call('HGET', key.copies(ns), oid)
    if not (copies and act.among(copies, node)) then
      tell(ns, node, oid)
    end
  end
end
