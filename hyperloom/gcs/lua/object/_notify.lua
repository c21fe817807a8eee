-- act.notify(ns, oids, values, refs)
--
-- Who wants to know of these objects is told in its inbox: their maker as long as it holds
-- them (`refs` are their counts), and who watches them.

function act.notify(ns, oids, values, refs)
  local watch, inbox, processes = many.hmget(key.watch(ns), oids), {}, {}
  local watched = {}
  local function tell(process, oid, value)
    if not inbox[process] then
      inbox[process] = {}
      processes[#processes + 1] = process
    end
    table.insert(inbox[process], oid)
    table.insert(inbox[process], #value <= code.NOTIFY_MOST and value or code.LARGE)
  end
  for i, oid in ipairs(oids) do
    if not refs[i] or tonumber(refs[i]) >= 0 then
      tell(string.sub(oid, 1, code.PROCESS_ID), oid, values[i])
    end
    if watch[i] then
      watched[#watched + 1] = oid
      for _, process in ipairs(many.cut(watch[i], code.PROCESS_ID, {})) do
        tell(process, oid, values[i])
      end
    end
  end
  many.hdel(key.watch(ns), watched)
  local known = many.hmget(key.heard(ns), processes)
  for i, process in ipairs(processes) do
    if known[i] then  -- else it was buried: nobody reads, or removes, its inbox
      many.rpush(key.inbox(ns, process), inbox[process])
    end
  end
end
