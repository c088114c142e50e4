-- Makes the globals of a hook what they are in lakeFS, whose interpreter (go-lua) has less than Lua 5.2:
-- no io, os or coroutine, no patterns in strings, plain tables with numbers as keys cannot become JSON.
-- A script that runs here is meant to run there.
--
-- Called with functions of the host, each answering true and its results, or false and a message. A script
-- gets none of them itself: debug is cut down, so that what a function here holds cannot be reached.
local lift_limit, set_limit, print_text, of_host = ...

local error, getmetatable, load, pairs, rawget = error, getmetatable, load, pairs, rawget
local select, setmetatable, tonumber, tostring, type, xpcall = select, setmetatable, tonumber, tostring, type, xpcall
local concat, find, format, gmatch = table.concat, string.find, string.format, string.gmatch
local floor = math.floor
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

function kept.tostring(...)
  if select("#", ...) == 0 then
    error("bad argument #1 to '?' (value expected)", 2)
  end
  local value = ...
  if value ~= value and type(value) == "number" then
    return "NaN"
  elseif value == 1 / 0 then
    return "+Inf"
  elseif value == -1 / 0 then
    return "-Inf"
  end
  return tostring(value)
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

-- lakeFS rounds no number for %d.
function kept.string.format(wanted, ...)
  local at = 0
  for kind in gmatch(tostring(wanted), "%%[%-%+ #%d%.]*([%a%%])") do
    if kind ~= "%" then
      at = at + 1
      local number = tonumber((select(at, ...)))
      if (kind == "d" or kind == "i") and number and floor(number) ~= number then
        error("bad argument #" .. at + 1 .. " to '?' (number has no integer representation)", 2)
      end
    end
  end
  return format(wanted, ...)
end

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

-- Marks its last argument; what is no table stays as it is.
local function array(...)
  local count = select("#", ...)
  if count == 0 then
    error("assertion failure", 0)
  end
  local value = select(count, ...)
  if type(value) == "table" then
    setmetatable(value, { _is_array = true })
  end
  return value
end

kept.array = array

local function is_array(table)
  local mark = getmetatable(table)
  return type(mark) == "table" and (rawget(mark, "_is_array") or false) ~= false
end

local function fail(message)
  expect(message, text, "1 to '?'")
  error("<HookFailure>" .. message .. "</HookFailure>", 2)
end

-- What there is in lakeFS and not here. It can be required, as scripts do it far above where they use it.
local function not_offered(name)
  return setmetatable({}, {
    __index = function(_, member)
      error(name .. "." .. tostring(member) .. " is not offered by the embedded lakeFS", 2)
    end,
  })
end

local loaded = {
  _G = globals,
  bit32 = kept.bit32,
  debug = kept.debug,
  math = kept.math,
  table = kept.table,
  hook = { fail = fail },
}
for name, functions in pairs(of_host) do
  local module = name == "string" and kept.string or {}
  for called, of_one in pairs(functions) do
    module[called] = offered(of_one)
  end
  loaded[name] = module
end
for _, name in pairs({ "aws", "azure", "crypto/aes", "databricks", "formats", "gcloud" }) do
  loaded[name] = not_offered(name)
end

-- An expression is a table of functions that know it.
local regexp = loaded.regexp
local compile, searches = of_host.regexp.compile, {}
for _, name in pairs({ "find", "find_submatch", "find_all", "find_all_submatch" }) do
  searches[name], regexp[name] = regexp[name], nil
end
local function compiled(done, expression, placed)
  set_limit()
  if not done then
    error(expression, placed and 2 or 0)
  end
  local found = {}
  for name, search in pairs(searches) do
    found[name] = function(...)
      return search(expression, ...)
    end
  end
  return found
end

function regexp.compile(...)
  lift_limit()
  return compiled(compile(...))
end

kept.package = { loaded = loaded, preload = {}, path = "?.lua", config = "/\n;\n?\n!\n-\n" }
loaded.package = kept.package

local exporters = {}
for _, name in pairs({
  "delta_exporter", "glue_exporter", "hive", "internal", "symlink_exporter", "table_extractor", "unity_exporter",
}) do
  exporters["lakefs/catalogexport/" .. name] = true
end

function kept.require(...)
  local name = ...
  if type(name) ~= "string" and type(name) ~= "number" then
    local got = select("#", ...) == 0 and "no value" or type(name)
    error("bad argument #1 to '_G.require' (string expected, got " .. got .. ")", 2)
  end
  local found = loaded[name]
  if found ~= nil then
    return found
  end
  local loader = kept.package.preload[name]
  if loader == nil and exporters[name] then
    loader = not_offered
  elseif loader == nil then
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
