-- actor_call(process, seq, count, width, parent, actor, id, record, id, record, ...)
--   -> number accepted
--
-- Calls of one actor, of any templates, in the order in which the process made them; that is the
-- order in which they begin (see actor/_lanes.lua).  `count` and `width`: how many tasks and
-- puts the process has made so far, and the most outputs of one, at most.  A record is as in
-- task/submit.lua, its first ref that is no input is the actor's object.  The calls of an
-- actor that is over become what its object says of its end.
--
-- Refuses: NOT_FOUND when a template was never declared; GAP, see act.answered.
-- Writes:  heard, task, host, held, wait, waiters, crowd, refs, children, lane, lanes, turn,
--          counts, events, noted.

local function templates_of(ns, args)
  local known = {}
  for i = 8, #args, 2 do
    local template = string.sub(args[i], 1, code.TEMPLATE_ID)
    if not known[template] then
      known[template] = act.template(ns, template)
      if not known[template] then
        return template
      end
    end
  end
  return nil
end

-- Which of the calls lack an input; they are written down as waiting.
local function lacking_of(ns, ids, records)
  local unresolved, lacking = {}, {}
  for i, record in ipairs(records) do
    local n, refs = act.refs_of(record)
    if n > 0 then
      for k = #refs, n + 1, -1 do
        refs[k] = nil
      end
      unresolved[#unresolved + 1] = { ids[i], string.sub(record, 1, code.TEMPLATE_ID), refs, 0 }
      lacking[ids[i]] = true
    end
  end
  if #unresolved > 0 then
    for _, task in ipairs(act.await(ns, unresolved)) do
      lacking[task[2]] = nil
    end
  end
  return lacking
end

transition('actor_call', FILLS, function(ns, args)
  local process, seq, parent, actor = args[1], args[2], args[5], args[6]
  local unknown = templates_of(ns, args)
  if unknown and call('EXISTS', key.closed(ns)) == 0 then
    return refuse('NOT_FOUND', 'this job has no template %s', act.hex(unknown))
  end
  local answered = act.answered(ns, process, seq, tonumber(args[3]), tonumber(args[4]))
  if answered then
    return answered
  end
  local ids, records, rows, holds = {}, {}, {}, {}
  for i = 7, #args, 2 do
    ids[#ids + 1], records[#records + 1] = args[i], args[i + 1]
    rows[#rows + 1], rows[#rows + 2] = args[i], args[i + 1]
    local _, refs = act.refs_of(args[i + 1])
    for k = 1, #refs do
      holds[#holds + 1] = refs[k]
    end
  end
  many.hset(key.task(ns), rows)
  act.count(ns, code.SUBMITTED, act.templates(ns, ids))
  act.note(ns, code.SUBMITTED, ids[1] .. ids[#ids] .. parent)
  act.hold(ns, holds)
  act.adopt(ns, parent, ids)
  if call('HEXISTS', key.actor(ns), actor) == 1 then
    act.line_up(ns, actor, process, ids, lacking_of(ns, ids, records), records)
  else
    act.fail(ns, nil, ids, call('HGET', key.object(ns), act.output(actor, 0)) or code.LOST)
  end
  return #ids
end)
