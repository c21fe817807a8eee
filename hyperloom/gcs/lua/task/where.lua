-- task_where(most, id, id, ...) -> { state, detail, template body, lacks, label, ... }
--
-- Where tasks stand, for people: WAITING (detail: number of inputs it lacks), READY (its
-- queue), HELD (the node), OVER (an output exists), UNKNOWN.  `lacks` are the first `most`
-- of the inputs that a waiting task lacks, concatenated; a call that is ready lacks its actor, as
-- long as that takes no calls.  Any other that is ready has there the first of its first inputs
-- that failed or was cancelled, with FAILED or CANCELLED behind it: so it ends too, once a node
-- takes it.  A task without a label has an empty one.
--
-- Refuses: nothing.
-- Writes:  nothing.

local function where(ns, id, record, nodes)
  if not record then
    local there = call('HEXISTS', key.object(ns), act.output(id, 0)) == 1
    return there and 'OVER' or 'UNKNOWN', ''
  end
  local row = call('HGET', key.wait(ns), id)
  if row then
    return 'WAITING', (string.match(row, '^%d+', code.TEMPLATE_ID + 1))
  end
  for _, node in ipairs(nodes) do
    if call('HEXISTS', key.held(ns, node), id) == 1 then
      return 'HELD', act.hex(node)
    end
  end
  return 'READY', act.template(ns, string.sub(record, 1, code.TEMPLATE_ID)).queue
end

local function lacks(ns, record, most)
  if most == 0 then
    return ''
  end
  local inputs, refs = act.refs_of(record)
  local missing = {}
  for i = 1, inputs do
    if #missing < most and call('HEXISTS', key.object(ns), refs[i]) == 0 then
      missing[#missing + 1] = refs[i]
    end
  end
  return table.concat(missing)
end

local function lacks_actor(ns, record)
  local actor = act.actor_of(record)
  return call('HEXISTS', key.host(ns), actor) == 0 and act.output(actor, 0) or ''
end

transition('task_where', READS, function(ns, args)
  local most = tonumber(table.remove(args, 1))
  local records, reply = many.hmget(key.task(ns), args), {}
  local nodes, ranged = call('HKEYS', key.served(ns)), act.ranged(ns, args)
  for i, id in ipairs(args) do
    if ranged[id] then  -- it stands where its range does, which is under its first task's name
      records[i], id = ranged[id].head, string.sub(id, 1, code.RANGE_ID) .. '\0'
    end
    local state, detail = where(ns, id, records[i], nodes)
    reply[#reply + 1] = state
    reply[#reply + 1] = detail
    local template = records[i] and string.sub(records[i], 1, code.TEMPLATE_ID)
    reply[#reply + 1] = template and call('HGET', key.template(ns), template) or ''
    if state == 'READY' and detail == code.CALL then
      reply[#reply + 1] = lacks_actor(ns, records[i])
    elseif state == 'READY' then
      reply[#reply + 1] = act.spoilt_by(ns, records[i])
    else
      reply[#reply + 1] = state == 'WAITING' and lacks(ns, records[i], most) or ''
    end
    reply[#reply + 1] = records[i] and act.label_of(records[i]) or ''
  end
  return reply
end)
