-- task_evict(mark, failure, most) -> number of tasks that were found
--
-- Nobody will ever offer what has `mark` in its name: the placement group does not exist any more.
-- Tasks that are ready and ask for it become `failure`.  Works in slices of `most`: call until it
-- answers 0.  Those that are not ready yet are met when they are.  Standing claims that speak of it
-- are withdrawn: their nodes offer again as soon as they have heard.
--
-- Refuses: nothing.
-- Writes:  idle, range, ready, queues, events, noted, and what task/_fail.lua writes.

local function pop(ns, queue, most, ids)
  local entries, got = {}, call('LPOP', key.ready(ns, queue), most) or {}
  local _, cancelled = act.accept(ns, queue, got, most, entries, {})
  for _, entry in ipairs(entries) do
    ids[#ids + 1] = act.split(entry)
  end
  if call('EXISTS', key.ready(ns, queue)) == 0 then
    call('ZREM', key.queues(ns), queue)
  end
  return #entries + cancelled
end

transition('task_evict', DRAINS, function(ns, args)
  local mark, failure, most = args[1], args[2], tonumber(args[3])
  local ids, found, named, idle = {}, 0, {}, call('HGETALL', key.idle(ns))
  for i = 1, #idle, 2 do
    if string.find(idle[i + 1], mark, 1, true) then
      call('HDEL', key.idle(ns), idle[i])
    end
  end
  for _, queue in ipairs(call('ZRANGE', key.queues(ns), 0, -1)) do
    if string.find(queue, mark, 1, true) and found < most then
      found = found + pop(ns, queue, most - found, ids)
    end
  end
  if #ids > 0 then
    for i, template in ipairs(act.templates(ns, ids)) do
      named[i] = ids[i] .. template
    end
    act.note(ns, code.CANCELLED, table.concat(named))
    act.fail(ns, nil, ids, failure, nil, code.CANCELLED)
    act.serve(ns)
  end
  return found
end)
