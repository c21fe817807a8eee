-- What every transition may use.  Above this file stands a generated preamble, with
--   key.<table>(ns, ...)   the names of all keys            (hyperloom/gcs/keys.py)
--   lifecycle.<name>       the legal moves of each lifecycle (hyperloom/gcs/lifecycles.py)
--   code.<name>            the small constants both sides share
--
-- A transition has three parts, in this order: read, refuse, write.  Redis does not roll
-- back, so all that can be refused is refused before anything is written.

-- What exists only while a function runs.  Kept in locals from the first one on: a name that is
-- none is looked up at each use: 3 % of a task.
local function lent()
  return redis.call, string, table, math, ipairs, tonumber, unpack
end
local call, string, table, math, ipairs, tonumber, unpack

local act = {}   -- steps that several transitions share; filled by the files below

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
      if not call then
        call, string, table, math, ipairs, tonumber, unpack = lent()
      end
      act.host = nil
      return body(keys[1], args)
    end,
  })
end

local DRAINS = { 'allow-oom' }
local FILLS = {}
local READS = { 'no-writes' }
