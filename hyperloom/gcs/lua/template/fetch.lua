-- template_fetch(template) -> { body, code }, or nil when this job has no such template
--
-- What a raylet needs before it can hand the first task of a template to a worker.  The
-- body begins with the id of the function.
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('template_fetch', READS, function(ns, args)
  local body = call('HGET', key.template(ns), args[1])
  if not body then
    return nil
  end
  local id = string.sub(body, 1, code.FUNCTION_ID)
  return { body, call('HGET', key.source(ns), id) or '' }
end)
