-- act.save_state(ns, actor, refs, state), act.forget_state(ns, actor),
-- act.saved(ns, actor) -> state
--
-- An actor's checkpoint: what its state was after the last results that were accepted with one.
-- A `saved` row is  bytes of the refs in it | ";" | these refs | the state;  it holds the refs, and
-- exists until the next one, or until the actor is over.

local function parts(row)
  local at = string.find(row, ';', 1, true)
  local size = tonumber(string.sub(row, 1, at - 1))
  return string.sub(row, at + 1, at + size), string.sub(row, at + size + 1)
end

local function let_go(ns, row)
  if row then
    act.let_go(ns, many.cut(parts(row), code.OBJECT_ID, {}))
  end
end

-- The caller has the refs held already.
function act.save_state(ns, actor, refs, state)
  local before = call('HGET', key.saved(ns), actor)
  call('HSET', key.saved(ns), actor, string.format('%d;', #refs) .. refs .. state)
  let_go(ns, before)
end

function act.forget_state(ns, actor)
  local row = call('HGET', key.saved(ns), actor)
  call('HDEL', key.saved(ns), actor)
  let_go(ns, row)
end

function act.saved(ns, actor)
  local row = call('HGET', key.saved(ns), actor)
  return row and select(2, parts(row))
end
