-- actor_create(process, seq, count, template, id, record, name, found, detached, claim, unordered)
--   -> { 'CREATED' }, { 'CEDED' }, or { 'TAKEN' or 'FOUND', id, template body } of who has the name
--
-- A new actor: the task `id`, whose attempts are its incarnations and whose retries its restarts.
-- Its constructor is claimed by a node like any task; it is over when the actor is.  `name` ('':
-- none) is its full name.  When that is taken, nothing is created; with `found` = 1 the process
-- holds the other one from now on.  With `detached` = 1 it needs no holder, and
-- owns the job (owner/add.lua).  `claim`: of a name that the whole cluster knows, by which claim
-- (actor/claim.lua); when that was ceded to another job, nothing is created.  With `unordered` = 1
-- a call that lacks an input does not hold back others.  Said twice, it is answered by how things
-- stand.
--
-- Refuses: NOT_FOUND when the template was never declared; GAP, see act.answered.
-- Writes:  heard, actor, name, task, held, idle, served, wait, waiters, crowd, refs, holds,
--          owners, unordered, ready, queues, counts, events, noted.

local function standing(ns, process, id, name, found, claim)
  local other = name ~= '' and call('HGET', key.name(ns), name)
  if not other and claim ~= '' and tonumber(claim) <= act.ceded(ns, name) then
    return { 'CEDED' }
  elseif not other or other == id then
    return { 'CREATED' }
  end
  if found == '1' then
    act.found_by(ns, process, act.output(other, 0))
  end
  local template = string.sub(call('HGET', key.task(ns), other), 1, code.TEMPLATE_ID)
  return { found == '1' and 'FOUND' or 'TAKEN', other, call('HGET', key.template(ns), template) }
end

local function enter(ns, id, template, record, queue)
  local n, refs = act.refs_of(record)
  call('HSET', key.task(ns), id, record)
  act.hold(ns, refs)
  for k = #refs, n + 1, -1 do
    refs[k] = nil
  end
  local lacking = n > 0 and #act.await(ns, { { id, template, refs, 0 } }) == 0
  act.enqueue(ns, 'RPUSH', queue, lacking and {} or { id })
end

transition('actor_create', FILLS, function(ns, args)
  local process, seq, count, template, id, record, name, found, detached, claim, unordered =
    unpack(args)
  local of = act.template(ns, template)
  if not of and call('EXISTS', key.closed(ns)) == 0 then
    return refuse('NOT_FOUND', 'this job has no template %s', act.hex(template))
  end
  local answered = act.answered(ns, process, seq, tonumber(count), of and of.returns)
  local now = standing(ns, process, id, name, found, claim)
  if answered then
    return type(answered) == 'number' and now or answered
  end
  if now[1] ~= 'CREATED' then
    return now
  end
  act.count(ns, code.SUBMITTED, { template })
  act.note(ns, code.SUBMITTED, id .. id)
  call('HSET', key.actor(ns), id, (detached == '1' and code.DETACHED or code.ATTACHED) .. name)
  if name ~= '' then
    call('HSET', key.name(ns), name, id)
  end
  if detached == '1' then
    act.hold(ns, { act.output(id, 0) })
    call('HSET', key.owners(ns), id, code.RESIDENT .. name)
  end
  if unordered == '1' then
    call('SADD', key.unordered(ns), id)
  end
  enter(ns, id, template, record, of.queue)
  return now
end)
