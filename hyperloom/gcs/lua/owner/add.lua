-- owner_add(owner, about, record, oids, told) -> 1 if new
--
-- A job lives as long as its driver, and as long as it has owners besides: a process that
-- visits it (a session of another job's process), or something detached, which is a process
-- without a process: its id begins the ids of what it made, and so it holds that.  `about` says
-- which, for people; `record` ('': none) is what one must know to take it up again; `oids`,
-- concatenated, are objects that it did not make and holds.  process_bury lets go of an owner, and
-- of what it held.  `told`, if there is any, is noted of a plan: see plan/add.lua.
--
-- Refuses: NOT_FOUND when the job is over, or about to be (job/rest.lua), or when the owner was
--          buried as one that was killed: then this word comes too late.
-- Writes:  owners, record, refs, holds, events, noted.

transition('owner_add', FILLS, function(ns, args)
  local owner, about, record, oids, told = unpack(args)
  if call('EXISTS', key.closed(ns), key.resting(ns)) > 0 then
    return refuse('NOT_FOUND', 'this job is over')
  end
  if act.is_deaf(ns, owner) then
    return refuse('NOT_FOUND', 'process %s is buried', act.hex(owner))
  end
  if record ~= '' then
    call('SET', key.record(ns, owner), record)
  end
  local new = act.members(ns, owner, many.cut(oids, code.OBJECT_ID, {}), 0)
  act.note_plan(ns, owner, told)
  act.hold(ns, new)
  many.sadd(key.holds(ns, owner), new)
  return call('HSET', key.owners(ns), owner, about)
end)
