-- ref_weigh(process, cursor, count) -> { cursor, number, bytes }
--
-- About so many of what a process holds and did not make, as SSCAN has it, for people: how many
-- of them exist, and their bytes, wherever these are.
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('ref_weigh', READS, function(ns, args)
  local cursor, oids = unpack(call('SSCAN', key.holds(ns, args[1]), args[2], 'COUNT', args[3]))
  local number, bytes = 0, 0
  for _, value in ipairs(many.hmget(key.object(ns), oids)) do
    if value then
      number = number + 1
      bytes = bytes + (act.stored_bytes(value) or #value)
    end
  end
  return { cursor, number, bytes }
end)
