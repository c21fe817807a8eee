-- act.told(ns, failure, template, ran) -> the failure as a call of this template gets it
--
-- Who knows of what an actor died says it once, for all its calls.  Each call is told besides
-- whether it may have run (`ran`), and its name: a failure (hyperloom/failures.py) ends with these
-- two, and with nil and no text as long as nobody has said them.

local UNSAID, YES, NO = '\192\160', '\195', '\194'  -- as msgpack writes them

-- The name in a template's body as it stands there, a text in msgpack.
local function name_in(body)
  local array = code.FUNCTION_ID + 1
  local header = string.byte(body, array) == 0xdc and 3 or 1
  local first = array + header + 2 + code.FUNCTION_ID
  local kind, a, b = string.byte(body, first, first + 2)
  if kind < 0xd9 then
    return string.sub(body, first, first + kind - 0xa0)
  elseif kind == 0xd9 then
    return string.sub(body, first, first + 1 + a)
  end
  return string.sub(body, first, first + 2 + a * 256 + b)
end

function act.told(ns, failure, template, ran)
  if string.sub(failure, -#UNSAID) ~= UNSAID then
    return failure
  end
  local name = name_in(call('HGET', key.template(ns), template))
  return string.sub(failure, 1, -#UNSAID - 1) .. (ran and YES or NO) .. name
end
