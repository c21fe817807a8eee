-- act.missing_only(ns, oids, values) -> oids, values, act.unwanted_again(ns, oids)
--
-- What tasks make that are made again (`remade`): what of their outputs exists by then is left as
-- it is, and what nobody holds by then goes when it comes.

-- These have just gone, since nobody holds them.  What is made again of them nobody wants either.
function act.unwanted_again(ns, oids)
  if call('EXISTS', key.remade(ns)) == 0 then
    return
  end
  local tasks, rows = {}, {}
  for i, oid in ipairs(oids) do
    tasks[i] = string.sub(oid, 1, code.TASK_ID)
  end
  for i, again in ipairs(many.hmget(key.remade(ns), tasks)) do
    if again then
      rows[#rows + 1], rows[#rows + 2] = oids[i], code.NOBODY
    end
  end
  many.hset(key.refs(ns), rows)
end

-- Of what has just been made, what did not exist.  (Mostly nothing is being made again, and this
-- is not asked.)
function act.missing_only(ns, oids, values)
  local there, tasks, over, new, kept = many.hmget(key.object(ns), oids), {}, {}, {}, {}
  for i, oid in ipairs(oids) do
    tasks[i] = string.sub(oid, 1, code.TASK_ID)
    if there[i] then
      act.turn_away(ns, oid, values[i])
    else
      new[#new + 1], kept[#kept + 1] = oid, values[i]
    end
  end
  for i, record in ipairs(many.hmget(key.task(ns), tasks)) do
    over[#over + 1] = not record and tasks[i] or nil
  end
  many.hdel(key.remade(ns), over)
  return new, kept
end
