-- act.hold(ns, oids), act.let_go(ns, oids), act.drop(ns, oids)
--
-- Who keeps an object.  Its id begins with the process that made it, which holds it from
-- the start; that costs no entry.  `refs` counts the holders besides: tasks that take it,
-- objects that contain it, other processes.  When its maker lets go, code.GONE is
-- subtracted, so a negative number says "the maker is gone", and code.NOBODY (= -GONE)
-- says that nobody is left.  No entry means: the maker alone.

local function change(ns, oids, sign)
  local times, distinct = {}, {}
  for _, oid in ipairs(oids) do
    if not times[oid] then
      distinct[#distinct + 1] = oid
    end
    times[oid] = (times[oid] or 0) + sign
  end
  local counts, rows, alone, nobody = many.hmget(key.refs(ns), distinct), {}, {}, {}
  for i, oid in ipairs(distinct) do
    local n = string.format('%.0f', tonumber(counts[i] or 0) + times[oid])
    if n == '0' then
      alone[#alone + 1] = oid
    else
      rows[#rows + 1] = oid
      rows[#rows + 1] = n
      if n == code.NOBODY then
        nobody[#nobody + 1] = oid
      end
    end
  end
  many.hset(key.refs(ns), rows)
  many.hdel(key.refs(ns), alone)
  return nobody
end

function act.hold(ns, oids)
  if #oids > 0 then
    change(ns, oids, 1)
  end
end

function act.let_go(ns, oids)
  if #oids > 0 then
    act.drop(ns, change(ns, oids, -1))
  end
end

-- Their makers let go of these.  Mostly the maker is the only holder and the object exists:
-- then it goes at once, without a word written about its holders.
function act.abandon(ns, oids)
  local counts, values = many.hmget(key.refs(ns), oids), many.hmget(key.object(ns), oids)
  local plain, others = {}, {}
  for i, oid in ipairs(oids) do
    local list = values[i] and not counts[i] and plain or others
    list[#list + 1] = oid
  end
  act.drop(ns, plain)
  if #others > 0 then
    act.drop(ns, change(ns, others, -code.GONE))
  end
end

-- Nobody holds these: what exists of them goes, and what they contain is let go.  What is
-- still being made is dropped when it comes (object/_settle.lua).
function act.drop(ns, oids)
  while #oids > 0 do
    local values, inner, gone = many.hmget(key.object(ns), oids), {}, {}
    local lists = many.hmget(key.contains(ns), oids)
    for i, oid in ipairs(oids) do
      if values[i] then
        gone[#gone + 1] = oid
        act.free(ns, oid, values[i])
        many.cut(lists[i] or '', code.OBJECT_ID, inner)
      end
    end
    many.hdel(key.object(ns), gone)
    many.hdel(key.refs(ns), gone)
    many.hdel(key.contains(ns), gone)
    oids = #inner > 0 and change(ns, inner, -1) or {}
  end
end
