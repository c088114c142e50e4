-- Makes the globals of a hook what they are in lakeFS, whose interpreter (go-lua) has less than Lua 5.2:
-- no io, os or coroutine, no patterns in strings, plain tables with numbers as keys cannot become JSON.
-- A script that runs here is meant to run there.
--
-- Called with functions of the host, each answering true and its results, or false and a message. A script
-- gets none of them itself: debug is cut down, so that what a function here holds cannot be reached.
local lift_limit, set_limit, print_text, marshal, unmarshal, now, sleep, request = ...

local error, getmetatable, load, pairs, rawget = error, getmetatable, load, pairs, rawget
local select, setmetatable, tostring, type, xpcall = select, setmetatable, tostring, type, xpcall
local concat, find, format = table.concat, string.find, string.format
local traceback, collectgarbage = debug.traceback, collectgarbage
local globals = _G

local function only(library, names)
  local kept = {}
  for _, name in pairs(names) do
    kept[name] = library[name]
  end
  return kept
end

-- Where memory ends inside a function of the host, the process hangs: the limit holds outside of them.
-- error() with level 2 names the line of the script, as the function that calls this is left by a tail call.
local function answer(done, ...)
  set_limit()
  if not done then
    local message, placed = ...
    error(message, placed and 2 or 0)
  end
  return ...
end

local function offered(of_host)
  return function(...)
    lift_limit()
    return answer(of_host(...))
  end
end

local write = offered(print_text)

local kept = only(globals, {
  "_VERSION", "getmetatable", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawlen",
  "rawset", "select", "setmetatable", "tonumber", "type", "xpcall",
})
kept.bit32 = bit32
kept.debug = { traceback = traceback }
kept.math = math
kept.math.huge = 1.7976931348623157e308
kept.string = only(string, { "byte", "char", "format", "len", "lower", "rep", "reverse", "sub", "upper" })
kept.table = only(table, { "concat", "insert", "pack", "remove", "sort", "unpack" })

-- Without a fourth argument lakeFS's find is plain; asked for patterns, it gives up.
function kept.string.find(text, wanted, from, ...)
  local plain = select("#", ...) == 0 or (...)
  if not plain and find(wanted, "[%^%$%*%+%?%.%(%[%%%-]") then
    error("assertion failure", 0)
  end
  return find(text, wanted, from, true)
end

function kept.tostring(value, ...)
  if value ~= value and type(value) == "number" then
    return "NaN"
  elseif value == 1 / 0 then
    return "+Inf"
  elseif value == -1 / 0 then
    return "-Inf"
  end
  return tostring(value, ...)
end

local function expect(value, wanted, argument)
  for _, kind in pairs(wanted) do
    if type(value) == kind then
      return
    end
  end
  error("bad argument #" .. argument .. " (" .. wanted[1] .. " expected, got " .. type(value) .. ")", 3)
end

local text = { "string", "number" }

-- lakeFS's error() takes texts only.
function kept.error(message, level)
  expect(message, text, "-1 to '?'")
  error(message, level == 0 and 0 or (level or 1) + 1)
end

function kept.assert(value, message, ...)
  if value then
    return value, message, ...
  elseif message ~= nil then
    expect(message, text, "2 to '?'")
  end
  error(message == nil and "assertion failed!" or message, 2)
end

function kept.collectgarbage(what)
  if what == nil or what == "collect" or what == "count" or what == "step" then
    return collectgarbage(what)
  end
  return -1
end

-- Text only: byte code is how one leaves an interpreter.
function kept.load(chunk, name, _, ...)
  expect(chunk, { "function", "string", "number" }, "1 to 'load'")
  if select("#", ...) > 0 then
    return load(chunk, name, "t", (...))
  end
  return load(chunk, name, "t")
end

function kept.print(...)
  local texts = {}
  for index = 1, select("#", ...) do
    local text = globals.tostring((select(index, ...)))
    if type(text) ~= "string" then
      error("'tostring' must return a string to 'print'", 2)
    end
    texts[index] = text
  end
  write(concat(texts, "\t") .. "\n")
end

local function array(table)
  expect(table, { "table" }, "1 to 'array'")
  return setmetatable(table, { _is_array = true })
end

kept.array = array

local function is_array(table)
  local mark = getmetatable(table)
  return type(mark) == "table" and rawget(mark, "_is_array") == true
end

local function fail(message)
  expect(message, text, "1 to '?'")
  error("<HookFailure>" .. message .. "</HookFailure>", 2)
end

local now_ns, sleep_ns = offered(now), offered(sleep)

local loaded = {
  _G = globals,
  bit32 = kept.bit32,
  debug = kept.debug,
  math = kept.math,
  string = kept.string,
  table = kept.table,
  hook = { fail = fail },
  time = {
    now = now_ns,
    since = function(start)
      expect(start, { "number", "string" }, "1 to 'since'")
      return now_ns() - start
    end,
    sleep = function(duration)
      expect(duration, { "number", "string" }, "1 to 'sleep'")
      return sleep_ns(duration + 0)
    end,
  },
  ["encoding/json"] = { marshal = offered(marshal), unmarshal = offered(unmarshal) },
}
if request then
  loaded["net/http"] = { request = offered(request) }
end
kept.package = { loaded = loaded, preload = {}, path = "?.lua", config = "/\n;\n?\n!\n-\n" }
loaded.package = kept.package

function kept.require(name)
  local found = loaded[name]
  if found ~= nil then
    return found
  end
  local loader = kept.package.preload[name]
  if loader == nil then
    local missing = "module '%s' not found: \n\tno field package.preload['%s']?.lua"
    error(format(missing, tostring(name), tostring(name)), 2)
  end
  found = loader(name)
  loaded[name] = found == nil and true or found
  return loaded[name]
end

for name in pairs(globals) do
  globals[name] = nil
end
for name, value in pairs(kept) do
  globals[name] = value
end
globals._G = globals
getmetatable("").__index = kept.string

local function with_traceback(problem)
  return { message = tostring(problem), traceback = traceback("", 2) }
end

local function run(code)
  local chunk, problem = load(code, "lua", "t")
  if not chunk then
    return "syntax", problem
  end
  local done, failure = xpcall(chunk, with_traceback)
  if done then
    return "done"
  elseif type(failure) ~= "table" then
    return "runtime", tostring(failure), "" -- no memory left for the handler
  end
  return "runtime", failure.message, failure.traceback
end

return run, is_array, array
