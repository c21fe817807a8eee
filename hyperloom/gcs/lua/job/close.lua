-- job_close(keep_s, driver, why) -> number of keys removed; -1: it has owners besides its driver
--
-- A job's driver is gone.  If nothing else owns the job (owner/add.lua), it is over: everything
-- it had goes, in one call.  The keys are few and large, and
-- UNLINK gives their memory back in the background.  What is said about the job later, by
-- processes that have not heard, falls on deaf ears for `keep_s` seconds.  Its events stay for
-- code.EVENTS_KEEP_S seconds more, the last of them the job's counts: whoever records them can.
-- With `why`, the driver may live, and was not heard of for too long: should it come back, it is
-- told (process/heard.lua), also if the job goes on without it.
--
-- Refuses: nothing.
-- Writes:  every table of the job.

-- The counts as the payload of an event: template (8), what (1), number (12 digits), ...
local function counts(ns)
  local all, parts = call('HGETALL', key.counts(ns)), {}
  for i = 1, #all, 2 do
    parts[#parts + 1] = all[i] .. string.format('%012.0f', all[i + 1])
  end
  return table.concat(parts)
end

transition('job_close', DRAINS, function(ns, args)
  local keep_s, driver, why = unpack(args)
  if call('EXISTS', key.owners(ns)) == 1 then
    if why then
      call('SET', key.deserted(ns), driver .. why)
    end
    return -1
  end
  if call('EXISTS', key.closed(ns)) == 0 then
    act.note(ns, code.ENDED, counts(ns))
  end
  for _, name in ipairs({ key.events(ns), key.noted(ns) }) do
    call('EXPIRE', name, code.EVENTS_KEEP_S, 'NX')
  end
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
  for _, actor in ipairs(call('HKEYS', key.actor(ns))) do
    for _, process in ipairs(call('ZRANGE', key.lanes(ns, actor), 0, -1)) do
      add(key.lane(ns, actor .. process))
    end
    add(key.lanes(ns, actor))
  end
  for _, row in ipairs(call('HKEYS', key.plans(ns))) do
    add(key.record(ns, string.sub(row, code.PROCESS_ID + 1)))
  end
  for _, name in ipairs(act.tables(ns)) do
    add(name)
  end
  local removed = 0
  for first = 1, #gone, SLICE do
    removed = removed + call('UNLINK', unpack(gone, first, math.min(first + SLICE - 1, #gone)))
  end
  call('SET', key.closed(ns), why or '', 'EX', keep_s, 'NX')
  return removed
end)
