-- job_rest(whole) -> calls that its actors have not answered; -1 if it has owners and goes on
--
-- The job's program ends in order, and the job will be closed (job/close.lua).  First its actors
-- end in peace: the nodes are told so.  What they have not answered is not wanted any more, and
-- stays as it is.  From now on nobody can come to own the job, so that nobody can find it with
-- actors that rest.  With `whole` = 1 owners do not matter, since no node will be left.
--
-- Refuses: nothing.
-- Writes:  resting.

local BY = { [code.SUBMITTED] = 1, [code.DONE] = -1, [code.FAILED] = -1, [code.CANCELLED] = -1 }

local function unanswered(ns)
  local all, number = call('HGETALL', key.counts(ns)), 0
  for i = 1, #all, 2 do
    local what = string.sub(all[i], code.TEMPLATE_ID + 1)
    local template = act.template(ns, string.sub(all[i], 1, code.TEMPLATE_ID))
    if template and template.queue == code.CALL then
      number = number + (BY[what] or 0) * tonumber(all[i + 1])
    end
  end
  return number
end

transition('job_rest', DRAINS, function(ns, args)
  if args[1] ~= '1' and call('EXISTS', key.owners(ns)) == 1 then
    return -1
  end
  if call('EXISTS', key.closed(ns)) == 0 then
    call('SET', key.resting(ns), 1)
  end
  local actors = call('HKEYS', key.host(ns))
  table.sort(actors)
  for _, actor in ipairs(actors) do
    act.tell(ns, act.host_of(ns, actor).node, { code.ACTOR, actor, code.PART })
  end
  return unanswered(ns)
end)
