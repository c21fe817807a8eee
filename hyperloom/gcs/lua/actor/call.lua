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

-- The template of each call; and one that was never declared, if there is one.
local function templates_of(ns, records)
  local templates, known, unknown = {}, {}, nil
  for i, record in ipairs(records) do
    local template = string.sub(record, 1, code.TEMPLATE_ID)
    templates[i] = template
    if not known[template] then
      known[template] = true
      unknown = unknown or not act.template(ns, template) and template or nil
    end
  end
  return templates, unknown
end

-- All that the calls hold; those that have inputs, as act.await takes them; and the set of these.
local function needs_of(ids, records, templates)
  local holds, unresolved, lacking = {}, {}, {}
  for i, record in ipairs(records) do
    local n, refs = act.refs_of(record)
    for k = 1, #refs do
      holds[#holds + 1] = refs[k]
    end
    if n > 0 then
      unresolved[#unresolved + 1] = { ids[i], templates[i], act.inputs_of(record), 0 }
      lacking[ids[i]] = true
    end
  end
  return holds, unresolved, lacking
end

transition('actor_call', FILLS, function(ns, args)
  local process, seq, parent, actor = args[1], args[2], args[5], args[6]
  local ids, records, rows, n = {}, {}, {}, 0
  for i = 7, #args, 2 do
    n = n + 1
    ids[n], records[n], rows[i - 6], rows[i - 5] = args[i], args[i + 1], args[i], args[i + 1]
  end
  local templates, unknown = templates_of(ns, records)
  if unknown and call('EXISTS', key.closed(ns)) == 0 then
    return refuse('NOT_FOUND', 'this job has no template %s', act.hex(unknown))
  end
  local answered = act.answered(ns, process, seq, tonumber(args[3]), tonumber(args[4]))
  if answered then
    return answered
  end
  many.hset(key.task(ns), rows)
  act.count(ns, code.SUBMITTED, templates)
  act.note(ns, code.SUBMITTED, ids[1] .. ids[n] .. parent)
  local holds, unresolved, lacking = needs_of(ids, records, templates)
  act.hold(ns, holds)
  act.adopt(ns, parent, ids)
  if call('HEXISTS', key.actor(ns), actor) == 1 then
    for _, ready in ipairs(act.await(ns, unresolved)) do
      lacking[ready[2]] = nil
    end
    act.line_up(ns, actor, process, ids, lacking, records)
  else
    local failure = call('HGET', key.object(ns), act.output(actor, 0)) or code.ACTOR_OVER
    act.fail(ns, nil, ids, failure, false)
  end
  return n
end)
