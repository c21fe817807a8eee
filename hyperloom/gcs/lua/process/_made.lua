-- act.made_here(ns, ids, width) -> object ids, object ids
--
-- What a process made in these tasks and puts, and still holds; and what it would have made, or
-- has made and is over, of which nobody has heard.
function act.made_here(ns, ids, width)
  local oids, promised, heard, held, never = {}, {}, {}, {}, {}
  local records, ranged = many.hmget(key.task(ns), ids), act.ranged(ns, ids)
  for i, id in ipairs(ids) do
    local template = records[i] and string.sub(records[i], 1, code.TEMPLATE_ID)
    local returns = template and act.template(ns, template).returns or 0
    if ranged[id] then
      returns = tonumber(ranged[id].wanted)  -- 1 if the process holds what they make, else 0
    end
    for index = 0, width - 1 do
      oids[#oids + 1] = act.output(id, index)
      promised[#oids], heard[#oids] = index < returns, template or ranged[id]
    end
  end
  local values, refs = many.hmget(key.object(ns), oids), many.hmget(key.refs(ns), oids)
  for i, oid in ipairs(oids) do
    if (values[i] or promised[i]) and act.maker_holds(refs[i]) then
      held[#held + 1] = oid
    elseif not (values[i] or heard[i]) then
      never[#never + 1] = oid
    end
  end
  return held, never
end
