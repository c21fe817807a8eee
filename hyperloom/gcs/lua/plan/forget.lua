-- plan_forget(process, plan, plan, ...) -> 0
--
-- The process lets go of the handles of these plans: nobody can take them up any more.  It says so
-- before it lets go of their results, so whoever holds these and then finds the plan's record there
-- holds what exists.  A burial begins with it for the same reason (process/bury.lua).
--
-- Refuses: nothing.  Saying it twice is harmless.
-- Writes:  plans, record.

transition('plan_forget', DRAINS, function(ns, args)
  act.forget_plans(ns, args[1], { unpack(args, 2) })
  return 0
end)
