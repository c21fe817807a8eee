-- act.fail(ns, node, ids, failure, ran, what)
--
-- These tasks will have no result: every output becomes `failure`, their books are closed,
-- and what they hold is let go.  `node` is who holds them, or nil when nobody does.
-- If one of them is an actor, that is its end (actor/_end.lua); one that becomes code.LOST, since
-- nobody has a handle any more, has not failed: it is done.  `ran`: they are calls of one that
-- was lost, and may have run, or did not (false) unless they were begun before and put back; see
-- actor/_told.lua.  `what`: as what they count, if the failure does not say.

-- `rows`: id, template and whether it may have run, of each.
local function note_calls(ns, failure, rows)
  if #rows > 0 then
    local said = #failure <= code.NOTIFY_MOST and failure or ''
    local told = table.concat(rows, '', 1, math.min(#rows, code.CALLS_TOLD))
    act.note(ns, code.CALLS_LOST, string.format('%d;', #said) .. said .. told)
  end
end

-- `items`: the template of each output, of tasks that have several.
local function count(ns, what, known, templates, items)
  local waited = {}
  for i, row in ipairs(many.hmget(key.wait(ns), known)) do
    waited[#waited + 1] = row and templates[i] or nil
  end
  act.count(ns, what, templates)
  act.count(ns, code.ITEMS, what == code.FAILED and items or {})
  act.count(ns, code.WAITING, waited, -1)
end

function act.fail(ns, node, ids, failure, ran, what)
  local records, oids, values, texts = many.hmget(key.task(ns), ids), {}, {}, {}
  local known, templates, told, rows, items = {}, {}, { [true] = {}, [false] = {} }, {}, {}
  local tried = ran == false and many.hmget(key.tries(ns), ids) or {}
  for i, id in ipairs(ids) do
    if records[i] then
      known[#known + 1] = id
      templates[#known] = string.sub(records[i], 1, code.TEMPLATE_ID)
      local template, value = act.template(ns, templates[#known]), failure
      if ran ~= nil then
        local may = (ran or tried[i]) and true or false
        value = told[may][templates[#known]] or act.told(ns, failure, templates[#known], may)
        told[may][templates[#known]] = value
        rows[#rows + 1] = id .. templates[#known] .. (may and '1' or '0')
      end
      for index = 0, template.returns - 1 do
        oids[#oids + 1] = act.output(id, index)
        values[#values + 1] = value
        items[#items + 1] = template.returns > 1 and templates[#known] or nil
      end
      texts[#texts + 1] = act.ref_ids(records[i])
    end
  end
  count(ns, what or act.became(failure), known, templates, items)
  note_calls(ns, failure, rows)
  local actors = call('EXISTS', key.actor(ns)) == 1 and many.hmget(key.actor(ns), known) or {}
  many.hdel(key.wait(ns), known)
  act.close(ns, node, known)
  act.settle(ns, oids, values)
  act.let_go_of(ns, texts)
  for i, id in ipairs(known) do
    if actors[i] then
      act.lay_to_rest(ns, node, id, failure, templates[i])
    end
  end
end
