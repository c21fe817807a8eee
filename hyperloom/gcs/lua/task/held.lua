-- task_held(node, from, above) -> { next, served, id, attempt, record, inputs, ... }
--
-- What the node holds, for a node whose connection broke: a reply or an inbox message may
-- have been lost on the way, but what is held is held.  `served` is what it must present
-- as `seen` from now on; messages with a lower or equal count are listed here already.
-- Works in slices: call with `next` until it is 0.
--
-- Counting goes on at `above` or later, which is more than the node has presented so far: so a step
-- that it said before is left aside, and gives it nothing, however late it arrives.
--
-- Refuses: nothing.
-- Writes:  idle, served.

transition('task_held', DRAINS, function(ns, args)
  local node, cursor = args[1], args[2]
  local served = call('HGET', key.served(ns), node)
  if cursor == '0' then
    call('HDEL', key.idle(ns), node)
    local above = args[3] or '0'
    if served and served ~= code.LOST and tonumber(served) < tonumber(above) then
      call('HSET', key.served(ns), node, above)
      served = above
    end
  end
  local found = call('HSCAN', key.held(ns, node), cursor, 'COUNT', 500)
  local ids, reply = {}, { found[1], served or '0' }
  for i = 1, #found[2], 2 do
    ids[#ids + 1] = found[2][i]
  end
  local records = many.hmget(key.task(ns), ids)
  for k, id in ipairs(ids) do
    if records[k] then
      reply[#reply + 1] = id
      reply[#reply + 1] = found[2][2 * k]
      reply[#reply + 1] = records[k]
      reply[#reply + 1] = act.inputs(ns, { records[k] })[1]
    end
  end
  return reply
end)
