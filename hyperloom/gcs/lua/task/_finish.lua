-- act.finish(ns, node, args, from) -> stale ids
--
-- Results come in, checked against what the node holds; see task/step.lua for the arguments.
-- In this order: settle the outputs (wake, notify), then let go of the inputs (ref/_slices.lua),
-- so that an output that contains an input keeps it alive.  Of what a task of large results took,
-- its lineage keeps some.

function act.finish(ns, node, args, from)
  local ids, first, outputs, n, next_at = {}, {}, {}, 0, from
  while next_at <= #args do
    n = n + 1
    ids[n], first[n], outputs[n] = args[next_at], next_at, tonumber(args[next_at + 3])
    next_at = next_at + 4 + outputs[n]
  end
  local held = many.hmget(key.held(ns, node), ids)
  local done, stale, oids, values, texts, made = {}, {}, {}, {}, {}, 0
  local ends = { [code.DONE] = {}, [code.FAILED] = {}, [code.CANCELLED] = {} }
  local items, large = {}, {}
  for k = 1, n do
    local id, at = ids[k], first[k]
    if held[k] and held[k] == args[at + 1] then
      done[#done + 1] = id
      -- What it says of its record: the template, then all refs.
      local template = string.sub(args[at + 2], 1, code.TEMPLATE_ID)
      local ended, in_store = code.DONE, false
      for index = 0, outputs[k] - 1 do
        local value = args[at + 4 + index]
        made = made + 1
        local mark = string.sub(value, 1, 1)
        if mark == code.FAILURE then
          local became = act.became(value)
          ended = ended == code.FAILED and ended or became
          items[#items + 1] = became == code.FAILED and outputs[k] > 1 and template or nil
        elseif mark == code.SHARED then
          in_store, value = true, value .. ',' .. template
        end
        oids[made], values[made] = act.output(id, index), value
      end
      local alike = ends[ended]
      alike[#alike + 1] = template
      local refs = string.sub(args[at + 2], code.TEMPLATE_ID + 1)
      if in_store then
        local own, last = many.cut(refs, code.OBJECT_ID, {}), #large
        large[last + 1], large[last + 2], large[last + 3] = id, args[at + 1], own
      else
        texts[#texts + 1] = refs
      end
    else
      stale[#stale + 1] = id
      act.too_late(ns, id, args, at)
    end
  end
  for _, ended in ipairs({ code.DONE, code.FAILED, code.CANCELLED }) do
    act.count(ns, ended, ends[ended])
  end
  act.count(ns, code.ITEMS, items)
  if #stale > 0 then
    act.note(ns, code.TOO_LATE, node .. table.concat(stale))
  end
  texts[#texts + 1] = table.concat(act.keep_lineage(ns, large))
  act.close(ns, node, done)
  act.settle(ns, oids, values)
  act.let_go_of(ns, texts)
  return stale
end

-- Results of an attempt that the node does not hold.  If the task goes on, somebody makes them
-- again, maybe on the same node under the same names.
function act.too_late(ns, id, args, at)
  if call('HEXISTS', key.task(ns), id) == 0 then
    for index = 0, tonumber(args[at + 3]) - 1 do
      act.turn_away(ns, act.output(id, index), args[at + 4 + index])
    end
  end
end
