-- owner_list() -> { owner, about, owner, about, ... }
--
-- What keeps the job besides its driver (owner/add.lua), in the order of their ids.
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('owner_list', READS, function(ns)
  local all, reply = call('HKEYS', key.owners(ns)), {}
  table.sort(all)
  for i, about in ipairs(many.hmget(key.owners(ns), all)) do
    reply[2 * i - 1], reply[2 * i] = all[i], about
  end
  return reply
end)
