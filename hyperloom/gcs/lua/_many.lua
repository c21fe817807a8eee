-- many.hmget(name, fields), many.hset(name, pairs), ..., many.cut(text, width, into)
--
-- Everything is a batch: `many.*` call Redis once per kind of access.  They slice, since
-- Lua's unpack() holds about 8,000 values.

local SLICE = 4000
local many = {}

local function sliced(command, name, items)
  for first = 1, #items, SLICE do
    call(command, name, unpack(items, first, math.min(first + SLICE - 1, #items)))
  end
end

-- values of `fields`, false where there is none
function many.hmget(name, fields)
  if #fields <= SLICE then
    return #fields > 0 and call('HMGET', name, unpack(fields)) or {}
  end
  local values = {}
  for first = 1, #fields, SLICE do
    local last = math.min(first + SLICE - 1, #fields)
    local part = call('HMGET', name, unpack(fields, first, last))
    for i = 1, last - first + 1 do
      values[first + i - 1] = part[i]
    end
  end
  return values
end

-- 1 for each of `items` that is in the set, else 0
function many.smismember(name, items)
  local known = {}
  for first = 1, #items, SLICE do
    local last = math.min(first + SLICE - 1, #items)
    for i, is in ipairs(call('SMISMEMBER', name, unpack(items, first, last))) do
      known[first + i - 1] = is
    end
  end
  return known
end

function many.hset(name, pairs_) sliced('HSET', name, pairs_) end
function many.hdel(name, fields) sliced('HDEL', name, fields) end
function many.sadd(name, items) sliced('SADD', name, items) end
function many.srem(name, items) sliced('SREM', name, items) end
function many.rpush(name, items) sliced('RPUSH', name, items) end
function many.lpush(name, items) sliced('LPUSH', name, items) end

-- the fixed-width pieces of a concatenation: ids travel and are kept that way
function many.cut(text, width, into)
  if #text == width then
    into[#into + 1] = text
    return into
  end
  for first = 1, #text, width do
    into[#into + 1] = string.sub(text, first, first + width - 1)
  end
  return into
end
