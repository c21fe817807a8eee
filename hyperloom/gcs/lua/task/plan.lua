-- task_plan(process, seq, count, width, parent, n, task..., object...) -> number ready
--
-- A part of a plan enters: `n` tasks of any templates, whose dependencies among each other the
-- client has resolved, so that nothing is looked up for them here.  `count` and `width`: how
-- many tasks and puts the process has made so far, and the most outputs of one, at most.
-- `parent` is the task that submits, or '': see task/submit.lua.
--
-- A task is five arguments: id | record (see task/submit.lua) | how many of its inputs the plan
-- itself makes | its inputs that come from elsewhere | its other refs.  An object, one of the
-- outputs of these tasks, is three: id | the tasks that take it as an input | 1 if the process
-- wants it, 0 if it is only on its way to others.  Ids in a list are concatenated and differ.
--
-- A plan enters with those who take before those who make: the counts are there before
-- anything can be counted down, whatever happens between two calls.
--
-- Refuses: NOT_FOUND when a template was never declared; GAP, see act.answered.
-- Writes:  heard, task, held, idle, served, wait, waiters, crowd, refs, children, ready,
--          queues, counts, events, noted.

-- The templates of the tasks, by id; or the one that nobody declared.
local function templates_of(ns, args, last)
  local known = {}
  for i = 7, last, 5 do
    local template = string.sub(args[i + 1], 1, code.TEMPLATE_ID)
    if not known[template] then
      known[template] = act.template(ns, template)
      if not known[template] then
        return nil, template
      end
    end
  end
  return known
end

transition('task_plan', FILLS, function(ns, args)
  local last = 6 + 5 * tonumber(args[6])
  local known, unknown = templates_of(ns, args, last)
  if not known and call('EXISTS', key.closed(ns)) == 0 then
    return refuse('NOT_FOUND', 'this job has no template %s', act.hex(unknown))
  end
  local answered = act.answered(ns, args[1], args[2], tonumber(args[3]), tonumber(args[4]))
  if answered then
    return answered
  end

  local ids, rows, waits, ready, holds, entered, templates = {}, {}, {}, {}, {}, {}, {}
  local n, waiting, lacking = 0, 0, {}
  for i = 7, last, 5 do
    local id, record, lacks, outside, others = unpack(args, i, i + 4)
    local template = string.sub(record, 1, code.TEMPLATE_ID)
    n = n + 1
    ids[n], templates[n], rows[2 * n - 1], rows[2 * n] = id, template, id, record
    if outside ~= '' or others ~= '' then
      many.cut(outside .. others, code.OBJECT_ID, holds)
    end
    if outside ~= '' then
      local inputs = many.cut(outside, code.OBJECT_ID, {})
      entered[#entered + 1] = { id, template, inputs, tonumber(lacks) }
    elseif lacks ~= '0' then
      waits[waiting + 1], waits[waiting + 2] = id, template .. lacks
      waiting, lacking[#lacking + 1] = waiting + 2, template
    else
      ready[#ready + 1] = { template, id }
    end
  end

  act.count(ns, code.SUBMITTED, templates)
  act.count(ns, code.WAITING, lacking)
  act.note(ns, code.SUBMITTED, act.ends(ids) .. args[5])
  many.hset(key.task(ns), rows)
  many.hset(key.wait(ns), waits)
  act.hold(ns, holds)
  act.adopt(ns, args[5], ids)
  act.promise(ns, args, last + 1)
  for _, task in ipairs(act.await(ns, entered)) do
    ready[#ready + 1] = task
  end
  act.push_back(ns, ready)
  return #ready
end)
