-- template_declare(template, returns, retries, queue, body, function_id, code) -> 1 if new
--
-- What many tasks have in common is said once: how many results, how often to retry, which
-- queue ("priority|shape"), and a body that only workers and raylets read.  `code` is the
-- pickled function; '' when this job has it already under its id.
--
-- Refuses: nothing.  Declaring again is harmless: ids are hashes of what they name.
-- Writes:  terms, template, source, events, noted.

transition('template_declare', FILLS, function(ns, args)
  local template, returns, retries, queue, body, id, pickled = unpack(args)
  if call('EXISTS', key.closed(ns)) == 1 then
    return 0
  end
  if pickled ~= '' then
    call('HSETNX', key.source(ns), id, pickled)
  end
  local new = call('HSETNX', key.terms(ns), template, returns .. ',' .. retries .. ',' .. queue)
  call('HSET', key.template(ns), template, body)
  if new == 1 then
    act.note(ns, code.DECLARED, template .. body)
  end
  return new
end)
