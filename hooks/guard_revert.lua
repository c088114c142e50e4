-- lakefs-gate: the guard of reverts. Version 1.
--
-- Runs in lakeFS inside the update of the branch, when the commit that the revert would make is known and not
-- yet the branch's head. The caller says in that commit's metadata which head it expects and what content
-- (metarange) it makes of it; unless both hold, the revert is refused and nothing has changed.
--
-- args.allow_plain_revert: true lets reverts pass that say nothing at all.
if action.event_type ~= "pre-revert" then
  return
end

local hook = require("hook")

local commit = action.commit
local head = commit.parents[1]
local said = commit.metadata or {}
local expected_head = said["gate.expected_head"]
local expected_metarange = said["gate.expected_metarange"]

if expected_head == nil and expected_metarange == nil and args.allow_plain_revert == true then
  return
end
if expected_head == nil or expected_metarange == nil then
  hook.fail("a plain revert does not say what it expects of " .. action.branch_id
    .. ": use `gate revert lakefs://" .. action.repository_id .. "/" .. action.branch_id .. " --to COMMIT`")
end
if expected_head ~= head then
  hook.fail(action.branch_id .. " moved: its head is now " .. tostring(head)
    .. ", the revert expected " .. expected_head)
end
if expected_metarange ~= commit.meta_range_id then
  hook.fail("the revert of " .. action.branch_id .. " would not make what it should: "
    .. tostring(commit.meta_range_id) .. ", not " .. expected_metarange)
end
