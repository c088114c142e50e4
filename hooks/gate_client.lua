-- lakefs-gate: asks the gate about a merge. Version 1.
--
-- Runs in lakeFS before a merge. Passes on one answer only: 200 with a JSON object whose "allowed" is true.
-- All else refuses the merge, with the gate's reason in the error that the user sees. While the check still
-- runs the same event is posted again, which joins the same check.
--
-- args.url         the gate's address, ending in /hooks/lakefs
-- args.token       the gate's GATE_HOOK_TOKEN
-- args.max_wait_s  how long to ask again, in seconds
local hook = require("hook")
local json = require("encoding/json")

local ASK_S = 20 -- lakeFS gives a request 30 s
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

-- Returns true when the gate allows the merge; else false, the reason, and whether to ask again.
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
    local slow = string.find(string.lower(tostring(code)), "timeout", 1, true) ~= nil
    return false, "the gate does not answer at " .. text(args.url) .. ": " .. tostring(code), slow
  end
  local answer, odd = object(body)
  if answer == nil then
    return false, "the gate at " .. text(args.url) .. " gave " .. odd .. " (status " .. tostring(code) .. ")", false
  end
  if type(answer.reasons) == "table" then
    for _, line in ipairs(answer.reasons) do
      print(text(line))
    end
  end
  local reason = text(answer.summary)
  if type(answer.error) == "table" then
    reason = text(answer.error.message) .. " - " .. text(answer.error.hint)
  end
  if text(answer.report) ~= "" then
    reason = reason .. " - see " .. answer.report
  end
  if code == 200 and answer.allowed == true then
    return true, reason, false
  end
  if code == 503 and answer.allowed == false and answer.verdict == "" then
    return false, reason, true
  end
  if reason == "" then
    reason = "refused without a reason"
  end
  if code ~= 412 then
    reason = "the gate answered " .. tostring(code) .. ": " .. reason
  end
  return false, reason, false
end

local waited_s = 0
local allowed, reason, again
repeat
  allowed, reason, again = ask()
  waited_s = waited_s + ASK_S
until allowed == true or not again or waited_s >= (tonumber(args.max_wait_s) or 0)

print(reason)
if allowed ~= true then
  hook.fail(reason)
end
