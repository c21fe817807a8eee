-- task_range(process, seq, count, parent, head, lacks, outside, others, takers, wanted, start,
--   step, first id, tasks, items, ...) -> number of ranges that are ready
--
-- Many tasks of a plan that differ in one item only enter as ranges (task/_range.lua), of up to
-- 256 tasks each.  A range begins at an id whose last byte is 0.
--
-- `head` is what the tasks' records begin with: template, refs, and what the worker needs; the
-- item is what follows.  `items` are the items of a range, each with its length before it (3,
-- big endian); or '', and the items are numbers: `start` of the first task, then always `step`
-- more.  `takers`: the tasks that take each of the outputs as an input, concatenated.  `wanted`
-- is 1 if the process wants the outputs, 0 if they are only on their way to others.
--
-- The tasks' inputs are the same for all: of them the plan itself makes `lacks`, and says so of
-- these objects (task_plan; a range takes them under the id of its first task).  `outside` are
-- those that come from elsewhere, `others` the refs that are no inputs, both concatenated.  The
-- template has one return value.
--
-- Refuses: NOT_FOUND when the template was never declared; GAP, see act.answered.
-- Writes:  heard, range, held, idle, served, wait, waiters, crowd, refs, children, ready,
--          queues, counts, events, noted, and what task/_range.lua writes for who stands idle.

local function adopt(ns, parent, id, tasks)
  if parent ~= '' then
    local ids = {}
    for i = 1, tasks do
      ids[i] = string.sub(id, 1, code.RANGE_ID) .. string.char(i - 1)
    end
    act.adopt(ns, parent, ids)
  end
end

transition('task_range', FILLS, function(ns, args)
  local head, lacks = args[5], tonumber(args[6])
  local template = string.sub(head, 1, code.TEMPLATE_ID)
  if not act.template(ns, template) and call('EXISTS', key.closed(ns)) == 0 then
    return refuse('NOT_FOUND', 'this job has no template %s', act.hex(template))
  end
  local answered = act.answered(ns, args[1], args[2], tonumber(args[3]), 1)
  if answered then
    return answered
  end

  local outside = many.cut(args[7], code.OBJECT_ID, {})
  local start, step, rows, waits = tonumber(args[11]), tonumber(args[12]), {}, {}
  local submitted, last = 0, ''
  for i = 13, #args, 3 do
    local id, tasks = args[i], tonumber(args[i + 1])
    rows[#rows + 1] = string.sub(id, 1, code.RANGE_ID)
    rows[#rows + 1] = act.range_row({
      first = 0, last = tasks - 1, head = head, takers = args[9], wanted = args[10],
      start = start, step = step, items = args[i + 2],
    })
    start = start + step * tasks
    submitted = submitted + tasks
    last = string.sub(id, 1, code.RANGE_ID) .. string.char(tasks - 1)
    waits[#waits + 1] = { id, template, outside, lacks, code.RANGE }
    adopt(ns, args[4], id, tasks)
  end
  call('HINCRBY', key.counts(ns), template .. code.SUBMITTED, submitted)
  act.note(ns, code.SUBMITTED, args[13] .. last .. args[4])
  many.hset(key.range(ns), rows)
  act.recount(ns, many.cut(args[7] .. args[8], code.OBJECT_ID, {}), #waits)
  local ready = act.await(ns, waits)  -- all of them or none: they lack the same
  if #ready == 0 then
    call('HINCRBY', key.counts(ns), template .. code.WAITING, submitted)
  end
  act.push_back(ns, ready)
  return #ready
end)
