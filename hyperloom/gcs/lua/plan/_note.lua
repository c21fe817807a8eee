-- act.note_plan(ns, plan, told)
--
-- What people are told of a plan when it is over, as its process says it (hyperloom/plan/told.py):
-- an event of its own.  Nobody has to say it.

function act.note_plan(ns, plan, told)
  if told and told ~= '' then
    act.note(ns, code.PLANNED, plan .. told)
  end
end
