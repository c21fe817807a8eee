-- job_close(keep_s) -> number of keys removed
--
-- A job is over: everything it had goes, in one call.  The keys are few and large, and
-- UNLINK gives their memory back in the background.  What is said about the job later, by
-- processes that have not heard, falls on deaf ears for `keep_s` seconds.
--
-- Refuses: nothing.
-- Writes:  every table of the job.

transition('job_close', DRAINS, function(ns, args)
  local gone = {}
  local function add(name)
    gone[#gone + 1] = name
  end
  for _, queue in ipairs(call('ZRANGE', key.queues(ns), 0, -1)) do
    add(key.ready(ns, queue))
  end
  for _, node in ipairs(call('HKEYS', key.served(ns))) do
    add(key.held(ns, node))
  end
  for _, process in ipairs(call('HKEYS', key.heard(ns))) do
    add(key.holds(ns, process))
  end
  for _, oid in ipairs(call('HKEYS', key.waiters(ns))) do
    add(key.crowd(ns, oid))
  end
  for _, oid in ipairs(call('LRANGE', key.waking(ns), 0, -1)) do
    add(key.crowd(ns, oid))
  end
  for _, name in ipairs(act.tables(ns)) do
    add(name)
  end
  local removed = 0
  for first = 1, #gone, SLICE do
    removed = removed + call('UNLINK', unpack(gone, first, math.min(first + SLICE - 1, #gone)))
  end
  call('SET', key.closed(ns), 1, 'EX', args[1])
  return removed
end)
