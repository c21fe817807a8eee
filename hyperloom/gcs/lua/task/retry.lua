-- task_retry(node, id, attempt, died, failure, poison) -> 'QUEUED', 'FAILED' or 'POISONED'
--
-- An attempt ended without a result: its worker died (`died` = 1), or its exception is one
-- that the user wants retried (0).  It goes to the front of its queue as long as the
-- template's retries last (-1: for ever); else every output becomes `failure`.  A task that
-- killed code.DEATHS_MOST workers becomes `poison`; but whose template asks for more retries
-- than that gets them all, and becomes `poison` if a worker died of each attempt.
--
-- Refuses: STALE when the node does not hold that attempt any more.
-- Writes:  held, tries, deaths, ready, queues, counts, and what task/_fail.lua writes.

transition('task_retry', DRAINS, function(ns, args)
  local node, id, attempt, died, failure, poison = unpack(args)
  local held = call('HGET', key.held(ns, node), id)
  if not held or held ~= attempt then
    return refuse('STALE', 'task %s attempt %s is not held by this node', act.hex(id), attempt)
  end
  local record = call('HGET', key.task(ns), id)
  local template = string.sub(record, 1, code.TEMPLATE_ID)
  local retries = act.template(ns, template).retries
  local tries = tonumber(call('HGET', key.tries(ns), id) or 0) + 1
  local deaths = tonumber(call('HGET', key.deaths(ns), id) or 0) + tonumber(died)
  local most = retries > code.DEATHS_MOST and retries + 1 or code.DEATHS_MOST
  if retries >= 0 and deaths >= most then
    act.fail(ns, node, { id }, poison)
    act.serve(ns)
    return 'POISONED'
  elseif retries >= 0 and tries > retries then
    act.fail(ns, node, { id }, failure)
    act.serve(ns)
    return 'FAILED'
  end
  act.count(ns, code.AGAIN, { template })
  call('HDEL', key.held(ns, node), id)
  call('HSET', key.tries(ns), id, tries)
  if deaths > 0 then
    call('HSET', key.deaths(ns), id, deaths)
  end
  act.push_front(ns, { { template, act.join(id, tonumber(attempt) + 1) } })
  act.serve(ns)
  return 'QUEUED'
end)
