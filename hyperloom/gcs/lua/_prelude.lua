-- What every transition may use.  Above this file stands a generated preamble, with
--   key.<table>(ns, ...)   the names of all keys            (hyperloom/gcs/keys.py)
--   lifecycle.<name>       the legal moves of each lifecycle (hyperloom/gcs/lifecycles.py)
--   code.<name>            the small constants both sides share
--
-- A transition has three parts, in this order: read, refuse, write.  Redis does not roll
-- back, so all that can be refused is refused before anything is written.
--
-- Everything is a batch: `many.*` call Redis once per kind of access.  They slice, since
-- Lua's unpack() holds about 8,000 values.

local SLICE = 4000
local call       -- redis.call, which exists only while a function runs: see transition
local act = {}   -- steps that several transitions share; filled by the files below
local many = {}  -- batched access

-- An answer of "no".  Returned, never raised: what is raised is a bug.
local function refuse(kind, sentence, ...)
  return redis.error_reply('LOOM_' .. kind .. ' ' .. string.format(sentence, ...))
end

-- Make `name` callable as  FCALL loom_<name> 1 <namespace> <args...>.
-- `flags`: a transition that frees or drains memory carries 'allow-oom'.
local function transition(name, flags, body)
  redis.register_function({
    function_name = 'loom_' .. name,
    flags = flags,
    callback = function(keys, args)
      call = redis.call
      act.host = nil
      return body(keys[1], args)
    end,
  })
end

local DRAINS = { 'allow-oom' }
local FILLS = {}
local READS = { 'no-writes' }

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

function many.hset(name, pairs_) sliced('HSET', name, pairs_) end
function many.hdel(name, fields) sliced('HDEL', name, fields) end
function many.sadd(name, items) sliced('SADD', name, items) end
function many.srem(name, items) sliced('SREM', name, items) end
function many.rpush(name, items) sliced('RPUSH', name, items) end
function many.lpush(name, items) sliced('LPUSH', name, items) end

-- the fixed-width pieces of a concatenation: ids travel and are kept that way
function many.cut(text, width, into)
  for first = 1, #text, width do
    into[#into + 1] = string.sub(text, first, first + width - 1)
  end
  return into
end
