"""Which role each endpoint asks for: all of them, in one place. What is not named here opens to nobody."""

from __future__ import annotations

from collections.abc import Mapping

from gate_server.model import Role

# Open to everybody: they tell nothing of the data, and who watches or signs in has no token yet.
PUBLIC = frozenset(
    {
        "health.healthz",
        "health.readyz",
        "openapi_json",
        "web.static",
        "web.ask_for_token",
        "web.open_session",
        "web.sign_out",
    }
)
# Open to who holds the lease of the check in the address, by the lease's token; no other token opens them.
LEASED = frozenset({"leases.work", "leases.renew", "leases.hand_back", "leases.hand_in"})
NEEDS: Mapping[str, Role] = {
    "hooks.judge_merge": Role.HOOK,
    "checks.ask_ahead": Role.CHECKER,
    "checks.list_checks": Role.READER,
    "checks.one_check": Role.READER,
    "checks.report": Role.READER,
    "leases.list_waiting": Role.WORKER,
    "leases.take": Role.WORKER,
    "reverts.revert": Role.REVERTER,
    "reapplications.make": Role.REVERTER,
    "audits.of_branch": Role.READER,
    "reverts.list_reverts": Role.READER,
    "reverts.one_revert": Role.READER,
    "installations.register": Role.ADMIN,
    "installations.record": Role.ADMIN,
    "policy.show": Role.READER,
    "policy.reload": Role.ADMIN,
    "metrics.read_metrics": Role.READER,
    "tokens.create": Role.ADMIN,
    "tokens.list_tokens": Role.ADMIN,
    "tokens.revoke": Role.ADMIN,
    "waivers.waive": Role.ADMIN,
    "waivers.list_waivers": Role.READER,
    "waivers.end": Role.ADMIN,
    "notices.list_notices": Role.READER,
    "web.home": Role.READER,
    "web.history_page": Role.READER,
    "web.policy_page": Role.READER,
    "web.setup_page": Role.ADMIN,
    "web.setup_look": Role.ADMIN,
    "web.check_page": Role.READER,
    "web.check_as_json": Role.READER,
    "web.check_report_file": Role.READER,
    "web.check_rows": Role.SAMPLER,
    "web.check_commit": Role.READER,
    "web.check_row_counts": Role.READER,
    "web.check_again": Role.CHECKER,
    "web.check_waive": Role.ADMIN,
    "web.revert_page": Role.READER,
    "web.branch_page": Role.READER,
    "web.branch_matches": Role.READER,
    "web.revert_plan": Role.REVERTER,
    "web.revert_apply": Role.REVERTER,
}
