-- act.claim(ns, node, offer) -> { entry, record, inputs, ... }, act.serve(ns)
--
-- A claim moves ready tasks to a node, which holds them from then on.  `inputs` are the
-- values of a task's inputs, each as "<length>:<bytes>".

function act.inputs(ns, record)
  local n, refs = act.refs_of(record)
  if n == 0 then
    return ''
  end
  for i = #refs, n + 1, -1 do
    refs[i] = nil
  end
  local values = many.hmget(key.object(ns), refs)
  for i = 1, n do
    local value = values[i] or code.LOST
    values[i] = #value .. ':' .. value
  end
  return table.concat(values)
end

function act.claim(ns, node, offer)
  local entries, records = act.take(ns, offer)
  local held, given = {}, {}
  for i, entry in ipairs(entries) do
    local id, attempt = act.split(entry)
    held[#held + 1] = id
    held[#held + 1] = attempt
    given[#given + 1] = entry
    given[#given + 1] = records[i]
    given[#given + 1] = act.inputs(ns, records[i])
  end
  many.hset(key.held(ns, node), held)
  return given
end

function act.serve(ns)
  local idle = call('HGETALL', key.idle(ns))
  for i = 1, #idle, 2 do
    if call('EXISTS', key.queues(ns)) == 0 then
      return
    end
    local node, offer = idle[i], act.offer(idle[i + 1])
    local given, message = act.claim(ns, node, offer), {}
    for k = 1, #given, 3 do
      message[#message + 1] = code.TASK
      for m = 0, 2 do
        message[#message + 1] = given[k + m]
      end
    end
    if #given > 0 then
      many.rpush(key.inbox(ns, node), message)
      call('HINCRBY', key.served(ns), node, #given / 3)
      act.stand(ns, node, offer)
    end
  end
end
