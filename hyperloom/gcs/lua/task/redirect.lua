-- task_redirect(node, id, attempt, failure, record) -> 'QUEUED', 'WAITING' or 'FAILED'
--
-- An attempt ended by saying what is to be done in the task's place: `record` (see
-- task/submit.lua) replaces the task's own.  The task keeps its id, its outputs, who waits for
-- them, and its children; it has the new template's options, and its retries anew.  The next
-- attempt is of the new record, as soon as its inputs exist.  After code.REDIRECTS_MOST times
-- every output becomes `failure`.
--
-- The worker has said (ref_contain) that the task's first output contains the new record's
-- refs: so they were held until here.  Now the task holds them.
--
-- In the counts the old one is done, and the new one is submitted.
--
-- Said twice it is STALE the second time: the attempt has counted on.
--
-- Refuses: STALE when the node does not hold that attempt any more; NOT_FOUND when the new
--          template was never declared.
-- Writes:  held, task, tries, deaths, redirects, contains, refs, object, wait, waiters, crowd,
--          ready, queues, counts, and what task/_fail.lua writes.

local function given_up(ns, node, id, failure)
  act.fail(ns, node, { id }, failure)
  act.serve(ns)
  return 'FAILED'
end

-- The task holds what the new record names, and no more what it held until now.
local function hold_instead(ns, id, refs)
  local first, before = act.output(id, 0), { act.ref_ids(call('HGET', key.task(ns), id)) }
  if call('HEXISTS', key.object(ns), first) == 0 then  -- it does when the other output was lost
    before[2] = call('HGET', key.contains(ns), first) or nil
    call('HDEL', key.contains(ns), first)
  end
  act.hold(ns, refs)
  act.let_go_of(ns, before)
end

transition('task_redirect', DRAINS, function(ns, args)
  local node, id, attempt, failure, record = unpack(args)
  if call('HGET', key.held(ns, node), id) ~= attempt then
    return refuse('STALE', 'task %s attempt %s is not held by this node', act.hex(id), attempt)
  end
  local template = string.sub(record, 1, code.TEMPLATE_ID)
  if not act.template(ns, template) then
    return refuse('NOT_FOUND', 'this job has no template %s', act.hex(template))
  end
  if call('HINCRBY', key.redirects(ns), id, 1) > code.REDIRECTS_MOST then
    return given_up(ns, node, id, failure)
  end
  local inputs, refs = act.refs_of(record)
  act.count(ns, code.DONE, act.templates(ns, { id }))
  act.count(ns, code.SUBMITTED, { template })
  hold_instead(ns, id, refs)
  call('HDEL', key.held(ns, node), id)
  call('HDEL', key.tries(ns), id)
  call('HDEL', key.deaths(ns), id)
  call('HSET', key.task(ns), id, record)
  for i = #refs, inputs + 1, -1 do
    refs[i] = nil
  end
  local ready = act.await(ns, { { id, template, refs, 0, ',' .. attempt + 1 } })
  act.push_front(ns, ready)
  act.serve(ns)
  return #ready == 1 and 'QUEUED' or 'WAITING'
end)
