-- act.unheld(ns, oids), act.drop(ns, oids, there, values), act.remove(ns, oids, values)
--
-- The end of objects that nobody holds.

-- Nobody holds these any more -> those that exist, and their values.  What is still being made is
-- dropped when it comes (object/_settle.lua).
function act.unheld(ns, oids)
  local there, values, coming = {}, {}, {}
  for i, value in ipairs(many.hmget(key.object(ns), oids)) do
    if value then
      there[#there + 1], values[#values + 1] = oids[i], value
    else
      coming[#coming + 1], coming[#coming + 2] = oids[i], code.NOBODY
    end
  end
  many.hset(key.refs(ns), coming)
  many.hdel(key.refs(ns), there)
  return there, values
end

-- Nobody holds these; `there` exist, with these values.
function act.drop(ns, oids, there, values)
  act.remove(ns, there, values)
  act.forsake(ns, oids)
end

-- These exist, with these values, and nobody holds them: they go, and so does the hold that
-- they have on what they contain.
function act.remove(ns, oids, values)
  local gone, makers = {}, {}
  while #oids > 0 do
    local inner = {}
    for i, oid in ipairs(oids) do
      if act.place(values[i]) then
        act.free(ns, oid, values[i])
        makers[#makers + 1] = string.sub(oid, 1, code.TASK_ID)
      end
    end
    if call('EXISTS', key.contains(ns)) == 1 then
      for _, list in ipairs(many.hmget(key.contains(ns), oids)) do
        many.cut(list or '', code.OBJECT_ID, inner)
      end
      many.hdel(key.contains(ns), oids)
    end
    many.hdel(key.object(ns), oids)
    act.unwanted_again(ns, oids)
    local nobody
    nobody, oids, values = act.recount(ns, inner, -1)
    for _, oid in ipairs(nobody) do
      gone[#gone + 1] = oid
    end
  end
  act.forsake(ns, gone)
  if #makers > 0 then
    act.forget_makers(ns, makers)
  end
end
