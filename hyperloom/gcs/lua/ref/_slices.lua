-- act.let_go_of(ns, texts), act.release_next(ns) -> how many slices are left
--
-- What tasks that are over had taken is let go of: each text is object ids, one behind the other.
-- One task may have taken 100,000.  So many wait in `releasing`, and are held until their slice
-- goes with the step of a node.  One node is told, since it may be that none has anything to say.

local AT_ONCE = code.RELEASE_AT_ONCE * code.OBJECT_ID
local SLICE = code.RELEASE_SLICE * code.OBJECT_ID

local function tell_one(ns)
  local nodes = {}
  local served = call('HGETALL', key.served(ns))
  for i = 1, #served, 2 do
    nodes[#nodes + 1] = served[i + 1] ~= code.LOST and served[i] or nil
  end
  table.sort(nodes)
  if nodes[1] then
    act.tell(ns, nodes[1], { code.GO_ON, '' })
  end
end

function act.let_go_of(ns, texts)
  local text = table.concat(texts)
  if #text <= AT_ONCE then
    act.let_go(ns, many.cut(text, code.OBJECT_ID, {}))
    return
  end
  local slices = {}
  for first = 1, #text, SLICE do
    slices[#slices + 1] = string.sub(text, first, first + SLICE - 1)
  end
  many.rpush(key.releasing(ns), slices)
  tell_one(ns)
end

function act.release_next(ns)
  local text = call('LPOP', key.releasing(ns))
  if not text then
    return 0
  end
  act.let_go(ns, many.cut(text, code.OBJECT_ID, {}))
  return call('LLEN', key.releasing(ns))
end
