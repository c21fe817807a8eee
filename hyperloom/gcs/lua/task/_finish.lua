-- act.finish(ns, node, args, from) -> stale ids
--
-- Results come in, checked against what the node holds; see task/step.lua for the arguments.
-- In this order: settle the outputs (wake, notify), then let go of the inputs, so that an
-- output that contains an input keeps it alive.  Of what a task of large results took, its
-- lineage keeps some.

function act.finish(ns, node, args, from)
  local ids, first, outputs = {}, {}, {}
  local i = from
  while i <= #args do
    local number = tonumber(args[i + 3])
    ids[#ids + 1], first[#ids + 1], outputs[#ids + 1] = args[i], i, number
    i = i + 4 + number
  end
  local held = many.hmget(key.held(ns, node), ids)
  local done, stale, oids, values, refs, good, bad = {}, {}, {}, {}, {}, {}, {}
  local large = {}
  for k, id in ipairs(ids) do
    local at = first[k]
    if held[k] and held[k] == args[at + 1] then
      done[#done + 1] = id
      local ended, in_store = good, false
      for index = 0, outputs[k] - 1 do
        local value = args[at + 4 + index]
        oids[#oids + 1] = act.output(id, index)
        values[#values + 1] = value
        local mark = string.sub(value, 1, 1)
        ended = mark == code.FAILURE and bad or ended
        in_store = in_store or mark == code.SHARED
      end
      ended[#ended + 1] = id
      if in_store then
        large[#large + 1] = id
        large[#large + 1] = args[at + 1]
        large[#large + 1] = args[at + 2]
      else
        many.cut(args[at + 2], code.OBJECT_ID, refs)
      end
    else
      stale[#stale + 1] = id
      act.too_late(ns, id, args, at)
    end
  end
  act.count(ns, code.DONE, act.templates(ns, good))
  act.count(ns, code.FAILED, act.templates(ns, bad))
  if #stale > 0 then
    act.note(ns, code.TOO_LATE, node .. table.concat(stale))
  end
  act.keep_lineage(ns, large, refs)
  act.close(ns, node, done)
  act.settle(ns, oids, values)
  act.let_go(ns, refs)
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
