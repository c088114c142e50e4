-- lakefs-gate: asks the gate about a merge. Version 2.
--
-- Runs in lakeFS before a merge. Passes on one answer only: 200 with a JSON object whose "allowed" is true.
-- All else refuses the merge, with the gate's reason in the error that the user sees. While the check still
-- runs the same event is posted again, which joins the same check. A cut connection is tried again, and so is
-- a gate that had said "still running" and then is away for a moment, as when it is started again.
--
-- args.url         the gate's address, ending in /hooks/lakefs
-- args.token       the gate's GATE_HOOK_TOKEN
-- args.max_wait_s  how long to ask again, in seconds
local hook = require("hook")
local json = require("encoding/json")
local time = require("time")

local ASK_S = 20 -- lakeFS gives a request 30 s
local AWAY_S = 60 -- how long no answer may come, one ask after another
local PAUSE_S, MOST_PAUSE_S = 1, 8 -- between asks that were answered at once
local enabled, http = pcall(require, "net/http")
if not enabled then
  hook.fail("the gate cannot be asked: set actions.lua.net_http_enabled: true on the lakeFS server")
end

local event = json.marshal({
  event_type = action.event_type,
  action_name = action.action_name,
  hook_id = action.hook_id,
  repository_id = action.repository_id,
  branch_id = action.branch_id,
  source_ref = action.source_ref,
  merge_source = action.merge_source,
  commit_id = action.commit_id,
  commit_message = action.commit.message,
  commit_metadata = action.commit.metadata,
  committer = username,
})

local function text(value)
  if type(value) == "string" then
    return value
  end
  return ""
end

-- Returns what the gate answered as a table, else nil and what was there instead.
local function object(body)
  local parsed, value = pcall(json.unmarshal, body)
  if not parsed then
    return nil, "an answer that is no JSON"
  end
  if type(value) ~= "table" then
    return nil, "an answer that is no JSON object"
  end
  return value
end

-- Whether a status says that something on the way, or the gate itself, is not there just now.
local function passing(code)
  return code == 502 or code == 503 or code == 504
end

-- Returns one of these and the reason:
-- "allowed"  the merge passes
-- "running"  the gate has the check, and it is not done
-- "cut"      no answer came
-- "nobody"   nobody listens there
-- "away"     an answer that says nothing about the merge
-- "refused"  all else
local function ask()
  local answered, code, body = pcall(http.request, {
    url = args.url,
    method = "POST",
    body = event,
    headers = {
      ["Content-Type"] = "application/json",
      ["Authorization"] = "Bearer " .. text(args.token),
      ["Prefer"] = "wait=" .. ASK_S,
    },
  })
  if not answered then
    local why = tostring(code)
    local nobody = string.find(why, "dial tcp", 1, true) ~= nil
    return nobody and "nobody" or "cut", "the gate does not answer at " .. text(args.url) .. ": " .. why
  end
  local answer, odd = object(body)
  if answer == nil then
    local reason = "the gate at " .. text(args.url) .. " gave " .. odd .. " (status " .. tostring(code) .. ")"
    return passing(code) and "away" or "refused", reason
  end
  if type(answer.reasons) == "table" then
    for _, line in ipairs(answer.reasons) do
      print(text(line))
    end
  end
  local reason = text(answer.summary)
  local failed = type(answer.error) == "table"
  if failed then
    reason = text(answer.error.message) .. " - " .. text(answer.error.hint)
  end
  if text(answer.report) ~= "" then
    reason = reason .. " - see " .. answer.report
  end
  if code == 200 and answer.allowed == true then
    return "allowed", reason
  end
  if code == 503 and answer.allowed == false and answer.verdict == "" then
    return "running", reason
  end
  if reason == "" then
    reason = "refused without a reason"
  end
  if code ~= 412 then
    reason = "the gate answered " .. tostring(code) .. ": " .. reason
  end
  return failed and passing(code) and "away" or "refused", reason
end

local function since_s(moment)
  return (time.now() - moment) / 1e9
end

local started = time.now()
local max_wait_s = tonumber(args.max_wait_s) or 0
local taken = false -- whether the gate has said that it has the check
local heard = started -- when it last said so
local pause_s = PAUSE_S
local state, reason, again
repeat
  local asked = time.now()
  state, reason = ask()
  if state == "running" then
    taken, heard = true, time.now()
  end
  again = state == "running"
    or (state == "cut" or taken and (state == "nobody" or state == "away")) and since_s(heard) < AWAY_S
  again = again and since_s(started) < max_wait_s
  if again and since_s(asked) < PAUSE_S then
    time.sleep(pause_s * 1e9)
    pause_s = math.min(2 * pause_s, MOST_PAUSE_S)
  else
    pause_s = PAUSE_S
  end
until not again

print(reason)
if state ~= "allowed" then
  hook.fail(reason)
end
