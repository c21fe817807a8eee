-- act.hold(ns, oids), act.let_go(ns, oids), act.abandon(ns, oids), act.recount(ns, oids, sign),
-- act.maker_holds(count)
--
-- Who keeps an object.  Its id begins with the process that made it, which holds it from
-- the start; that costs no entry.  `refs` counts the holders besides: tasks that take it,
-- objects that contain it, other processes.  When its maker lets go, code.GONE is
-- subtracted, so a negative number says "the maker is gone", and code.NOBODY (= -GONE)
-- says that nobody is left.  No entry means: the maker alone.

-- `sign` is added for each of `oids` (they may repeat) -> those that nobody holds any more, and of
-- these the ones that exist, and their values: as act.drop takes them
function act.recount(ns, oids, sign)
  if #oids == 0 then
    return oids, oids, oids
  end
  local times, distinct, number = {}, {}, 0
  for i = 1, #oids do
    local oid = oids[i]
    if not times[oid] then
      number = number + 1
      distinct[number] = oid
    end
    times[oid] = (times[oid] or 0) + sign
  end
  local counts, rows, last, alone, nobody = many.hmget(key.refs(ns), distinct), {}, 0, {}, {}
  for i = 1, number do
    local oid = distinct[i]
    local n = (counts[i] or 0) + times[oid]  -- a count is text, and Lua adds to it all the same
    if n == -code.GONE then
      nobody[#nobody + 1] = oid
    elseif n == 0 then
      alone[#alone + 1] = oid
    else
      rows[last + 1], rows[last + 2] = oid, n
      last = last + 2
    end
  end
  many.hset(key.refs(ns), rows)
  many.hdel(key.refs(ns), alone)
  return nobody, act.unheld(ns, nobody)
end

-- Whether the maker holds an object with this count.  (Of what a range's tasks will make, takers
-- may have let go before they are counted: then it is a little less than it will be.)
function act.maker_holds(count)
  return tonumber(count or 0) > -code.GONE / 2
end

function act.hold(ns, oids)
  act.recount(ns, oids, 1)
end

function act.let_go(ns, oids)
  act.drop(ns, act.recount(ns, oids, -1))
end

-- Their makers let go of these.  Mostly the maker is the only holder and the object exists:
-- then it goes at once, without a word written about its holders.
function act.abandon(ns, oids)
  local counts, values = many.hmget(key.refs(ns), oids), many.hmget(key.object(ns), oids)
  local plain, gone, others = {}, {}, {}
  for i, oid in ipairs(oids) do
    if values[i] and not counts[i] then
      plain[#plain + 1], gone[#gone + 1] = oid, values[i]
    else
      others[#others + 1] = oid
    end
  end
  act.remove(ns, plain, gone)
  act.drop(ns, act.recount(ns, others, -code.GONE))
end
