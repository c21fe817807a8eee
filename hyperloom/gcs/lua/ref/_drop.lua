-- act.drop(ns, oids), act.remove(ns, oids, values), act.existing(ns, oids)
--
-- The end of objects that nobody holds.

-- Nobody holds these any more.  What is still being made is dropped when it comes
-- (object/_settle.lua).
function act.drop(ns, oids)
  local there, values = act.existing(ns, oids)
  many.hdel(key.refs(ns), there)
  act.remove(ns, there, values)
  act.forsake(ns, oids)
end

-- Those of `oids` that exist, and their values.
function act.existing(ns, oids)
  local there, found = {}, {}
  for i, value in ipairs(many.hmget(key.object(ns), oids)) do
    if value then
      there[#there + 1], found[#found + 1] = oids[i], value
    end
  end
  return there, found
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
    local nobody = act.recount(ns, inner, -1)
    oids, values = act.existing(ns, nobody)
    many.hdel(key.refs(ns), oids)
    for _, oid in ipairs(nobody) do
      gone[#gone + 1] = oid
    end
  end
  act.forsake(ns, gone)
  if #makers > 0 then
    act.forget_makers(ns, makers)
  end
end
