-- process_bury(process, from, most, failure) -> number to go on from, or 0 when done
--
-- A process is dead, or something detached is released (owner/add.lua): what it held is let go.
-- What it made is found by counting, since ids are its own followed by 1, 2, 3, …; it works in
-- slices of about `most` objects.  Tasks that it submitted run on: they were accepted.  Its
-- streams that wait for it to read on stop at their next item.  With a `failure` it was killed:
-- calls of actors of which it alone wanted a result become that (actor/_forgo.lua), and so do tasks
-- that take what it had not said yet how to make (process/_unsaid.lua).  And words of it may still
-- be on their way, and are not heard any more: nobody would let go of what they make.
--
-- Refuses: nothing.  Burying twice is harmless.
-- Writes:  refs, object, contains, holds, heard, homes, stream, owners, record, plans, stops,
--          stopped, shut, dropping, waiters, crowd, and what task/cancel.lua writes.

-- What the process made in these tasks and puts, and still holds; and what it would have made, or
-- has made and is over, of which nobody has heard.
local function made_here(ns, ids, width)
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

transition('process_bury', DRAINS, function(ns, args)
  local process, from, most = args[1], tonumber(args[2]), tonumber(args[3])
  if args[4] and from == 1 and call('EXISTS', key.releasing(ns)) == 1 then
    act.release_next(ns)  -- they may let go of what it has not said yet how to make
    return from
  end
  if from == 1 then
    act.forget_plans(ns, process)
  end
  local count, width = act.made(ns, process)
  local last = math.min(count, from + math.ceil(most / width) - 1)
  local ids = act.task_ids(process, from, last)
  local held, never = made_here(ns, ids, width)
  act.abandon(ns, held)
  if args[4] then
    act.forgo(ns, held, args[4])
    act.forget_unsaid(ns, never)
    act.forgo_unsaid(ns, process, ids, args[4])
  end
  act.forsaken(ns, ids)
  if last < count then
    return last + 1
  end
  local borrowed = call('SMEMBERS', key.holds(ns, process))
  table.sort(borrowed)
  call('DEL', key.holds(ns, process))
  act.let_go(ns, borrowed)
  if args[4] then
    act.deafen(ns, process)
  else
    call('HDEL', key.heard(ns), process)
  end
  call('HDEL', key.homes(ns), process)
  for _, name in ipairs({ key.owners(ns), key.stops(ns), key.stopped(ns) }) do
    call('HDEL', name, process)
  end
  call('DEL', key.record(ns, process))
  return 0
end)
