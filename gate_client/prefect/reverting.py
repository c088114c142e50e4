"""What comes after a promotion fails: the promotion is taken back, while nobody has built on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lakefs_sdk.models import Commit
from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State
from prefect.logging.loggers import flow_run_logger

from gate_client.errors import GateError
from gate_client.prefect.artifacts import show_revert
from gate_client.prefect.blocks import GateCredentials, LakeFSCredentials, loaded
from gate_client.prefect.calls import Calls
from gate_client.prefect.promotions import PROMOTION_OF, standing
from gate_client.prefect.runs import CLOCKS_DIFFER, FLOW_RUN, ROOT_FLOW_RUN, commit_page

Hook = Callable[[Flow[..., Any], FlowRun, State[Any]], None]


def revert_on_failure(
    *,
    repository: str,
    lakefs_credentials: LakeFSCredentials | str,
    gate_credentials: GateCredentials | str,
    destination: str = "main",
) -> Hook:
    """Return a hook that puts `destination` back to before the run's promotions.

    For ``on_failure``, ``on_crashed`` and ``on_cancellation`` of a flow that calls an `isolated` one. It acts
    only while the head is still the run's own merge, and the gate is told that head: where somebody merged
    since, it changes nothing and names the later commits.
    """

    def revert_promotion(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
        log = flow_run_logger(flow_run, flow)
        place = f"lakefs://{repository}/{destination}"
        try:
            lakefs = loaded(LakeFSCredentials, lakefs_credentials)
            began = flow_run.created
            assert began is not None  # noqa: S101 - the server has given it
            log_of_all = list(Calls(lakefs).line_since(repository, destination, began - CLOCKS_DIFFER))
            line = list(standing(log_of_all))
            ours = [number for number, commit in enumerate(line) if _is_of(commit, str(flow_run.id))]
            if not ours:
                log.info("%s: this run promoted nothing, nothing is put back", place)
                return
            last = ours[-1]
            foreign = [commit for number, commit in enumerate(line[: last + 1]) if number not in ours]
            pages = [commit_page(lakefs, repository, commit.id) for commit in foreign]
            if foreign:
                text = f"{place} is not put back: others have built on what this run promoted"
                log.error("%s: %s", text, ", ".join(commit.id for commit in foreign))
                later = [f"later: [{commit.id}]({page})" for commit, page in zip(foreign, pages, strict=True)]
                back = f"gate revert {place} --to {line[last].parents[0]}"
                show_revert(text, [*later, f"to do it all the same: `{back}`"], flow_run.id)
                return
            with loaded(GateCredentials, gate_credentials).get_client() as gate:
                done = gate.revert(
                    repository,
                    destination,
                    line[last].parents[0],
                    reason=f"flow run {flow_run.name} ({flow_run.id}) ended {state.name} after its promotion",
                    expected_head=log_of_all[0].id,
                )
            text = f"{place} is back at {line[last].parents[0]}"
            undo = done.revert.undo if done.revert else ""
            log.warning("%s: this run ended %s after its promotion; undo: %s", text, state.name, undo)
            show_revert(
                text, [f"the run ended {state.name} after its promotion", f"undo: `{undo}`"], flow_run.id
            )
        except GateError as error:
            log.exception("%s could not be put back", place)
            show_revert(f"{place} could not be put back", [str(error)], flow_run.id)

    return revert_promotion


def _is_of(commit: Commit, flow_run_id: str) -> bool:
    carried = commit.metadata or {}
    return PROMOTION_OF in carried and flow_run_id in (carried.get(FLOW_RUN), carried.get(ROOT_FLOW_RUN))
