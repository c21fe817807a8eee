-- plan_add(process, plan, about, record, told) -> 1 if new
--
-- The process submitted a plan, and has its handle: as long as it does, others can take the plan
-- up, by its id.  `about` says what it is, for people; `record` is what one must know to take it up
-- (owner_record gives it).  Said again, both are replaced.  Unlike what is detached (owner/add.lua)
-- it holds nothing and keeps no job: its results are the process's, and who takes it up holds them
-- too.  `told`, if there is any, is noted: the plan is known from it when it is over.
--
-- Refuses: nothing.  Of a job that is over it is passed over.
-- Writes:  plans, record, events, noted.

transition('plan_add', FILLS, function(ns, args)
  local process, plan, about, record, told = unpack(args)
  if call('EXISTS', key.closed(ns)) == 1 then
    return 0
  end
  call('SET', key.record(ns, plan), record)
  act.note_plan(ns, plan, told)
  return call('HSET', key.plans(ns), process .. plan, about)
end)
