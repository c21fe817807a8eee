-- task_submit(process, seq, count, parent, template, id, record, id, record, ...)
--   -> number ready
--
-- New tasks of one template enter: ready ones go to who stands idle, or to the back of
-- their queue; the others wait for their inputs.  `count` is how many tasks and puts the
-- process has made so far, at most.  `parent` is the task that submits, or ''; when it is over,
-- nobody asks for its children any more.
--
-- A record begins  template (8) | number of inputs (3, big endian) | number of other refs
-- (3) | the inputs' object ids (20 each) | the other refs' (20 each); what follows is the
-- worker's business.  Every ref is held until the task is finished.  The inputs of one
-- record differ from each other.
--
-- Refuses: NOT_FOUND when the template was never declared; GAP, see act.answered.
-- Writes:  heard, task, held, idle, served, wait, waiters, crowd, refs, children, ready,
--          queues, counts, events, noted.

transition('task_submit', FILLS, function(ns, args)
  local process, seq, parent, template = args[1], args[2], args[4], args[5]
  local of = act.template(ns, template)
  if not of and call('EXISTS', key.closed(ns)) == 0 then
    return refuse('NOT_FOUND', 'this job has no template %s', act.hex(template))
  end
  local answered = act.answered(ns, process, seq, tonumber(args[3]), of and of.returns)
  if answered then
    return answered
  end

  local ids, rows, ready, holds, unresolved, number = {}, {}, {}, {}, {}, 0
  for i = 6, #args, 2 do
    local id, record = args[i], args[i + 1]
    number = number + 1
    ids[number], rows[2 * number - 1], rows[2 * number] = id, id, record
    local n, refs = act.refs_of(record)
    if n == 0 then
      ready[#ready + 1] = id
    end
    for k = 1, #refs do
      holds[#holds + 1] = refs[k]
    end
    if n > 0 then
      for k = #refs, n + 1, -1 do
        refs[k] = nil
      end
      unresolved[#unresolved + 1] = { id, template, refs, 0 }
    end
  end

  call('HINCRBY', key.counts(ns), template .. code.SUBMITTED, #ids)
  act.note(ns, code.SUBMITTED, ids[1] .. ids[#ids] .. parent)
  many.hset(key.task(ns), rows)
  act.hold(ns, holds)
  if #unresolved > 0 then
    for _, task in ipairs(act.await(ns, unresolved)) do
      ready[#ready + 1] = task[2]
    end
  end
  act.adopt(ns, parent, ids)
  act.enqueue(ns, 'RPUSH', of.queue, ready)
  return #ready
end)
