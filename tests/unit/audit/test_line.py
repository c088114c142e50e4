"""What is outstanding on a branch: what must never be called verified, held against a model of contents."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from gate_server.audit.line import Line, State, Step, TakenBack
from gate_server.model import Commit


def commit(number: int, metarange: str = "") -> Commit:
    """Return a commit of the line; 0 is the baseline."""
    parents = (str(number - 1),) if number else ()
    return Commit(str(number), metarange or f"m{number}", parents)


def line(*states: State | TakenBack, contents: dict[int, str] | None = None) -> Line:
    """Return a line of commits, oldest first; commit 0 is the baseline."""
    steps = [Step(commit(0), State.INSTALLED)]
    for number, item in enumerate(states, 1):
        made = commit(number, (contents or {}).get(number, ""))
        if isinstance(item, TakenBack):
            steps.append(Step(made, State.REVERT, took=item, revert="r"))
        else:
            steps.append(Step(made, item))
    return Line(tuple(reversed(steps)))


def held(found: Line) -> set[str]:
    """Return what is outstanding now."""
    return {step.commit.id for step in found.held}


UNVERIFIED, FAILING, JUDGED = State.UNVERIFIED, State.FAILING, State.JUDGED


def test_what_is_vouched_for_leaves_nothing_outstanding() -> None:
    found = line(JUDGED, State.JUDGED_AFTERWARDS, State.WAIVED)
    assert held(found) == set()
    assert found.last_good == found.head


def test_what_nobody_vouches_for_stays_outstanding_under_what_is_judged() -> None:
    found = line(JUDGED, UNVERIFIED, FAILING, JUDGED)
    assert held(found) == {"2", "3"}
    assert found.last_good == commit(1)


def test_a_revert_takes_back_what_came_after_its_target_and_brings_back_what_was_there() -> None:
    assert held(line(FAILING, UNVERIFIED, TakenBack("to", "0", True))) == set()
    found = line(FAILING, UNVERIFIED, TakenBack("to", "1", True))
    assert held(found) == {"1"}
    assert found.taken_back_by("2") == found.steps[0]
    assert found.taken_back_by("1") is None


def test_a_revert_that_is_not_exact_may_hold_all() -> None:
    assert held(line(FAILING, UNVERIFIED, TakenBack("to", "0", False))) == {"1", "2"}
    assert held(line(FAILING, TakenBack("undo", "1", False))) == {"1"}


def test_a_revert_to_where_nobody_looked_takes_nothing_back() -> None:
    assert held(line(FAILING, TakenBack("to", "elsewhere", True))) == {"1"}
    assert held(line(FAILING, TakenBack("before", "older", True))) == set()


def test_one_commit_undone_leaves_the_others() -> None:
    found = line(FAILING, FAILING, JUDGED, TakenBack("undo", "1", True))
    assert held(found) == {"2"}


def test_going_back_may_bring_in_what_was_taken_back_since() -> None:
    undone = line(FAILING, FAILING, TakenBack("undo", "1", True))
    assert undone.brings_back(undone.steps[1])
    assert not undone.brings_back(undone.steps[2])
    plain = line(FAILING, FAILING)
    assert not any(plain.brings_back(step) for step in plain.steps)


def test_an_undone_revert_brings_back_what_it_took() -> None:
    assert held(line(FAILING, TakenBack("to", "0", True), TakenBack("undo", "2", True))) == {"1"}
    assert held(line(FAILING, TakenBack("to", "0", True), TakenBack("to", "1", True))) == {"1"}


def test_the_same_content_is_the_same_whoever_made_it() -> None:
    by_other_means = line(FAILING, UNVERIFIED, JUDGED, contents={2: "m0"})
    assert held(by_other_means) == set()
    again = line(FAILING, TakenBack("to", "0", True), UNVERIFIED, contents={2: "m0", 3: "m1"})
    assert held(again) == {"3"}


def test_content_that_was_never_vouched_for_is_judged_when_it_comes_in_again() -> None:
    found = line(UNVERIFIED, TakenBack("to", "0", True), JUDGED, contents={2: "m0", 3: "m1"})
    assert held(found) == set()


@dataclass
class Model:
    """A branch as the set of changes that it holds: each commit brings one, reverts take some."""

    states: list[State | TakenBack] = field(default_factory=list)
    contents: list[frozenset[int]] = field(default_factory=lambda: [frozenset()])

    def bring(self, state: State) -> None:
        """Commit something new."""
        self.states.append(state)
        self.contents.append(self.contents[-1] | {len(self.states)})

    def put_back(self, target: int) -> None:
        """Take the whole branch to an earlier commit."""
        self.states.append(TakenBack("to", str(target), True))
        self.contents.append(self.contents[target])

    def undo(self, target: int) -> None:
        """Undo one commit, as a three-way merge does."""
        brought = self.contents[target] - self.contents[target - 1]
        taken = self.contents[target - 1] - self.contents[target]
        self.states.append(TakenBack("undo", str(target), True))
        self.contents.append(self.contents[-1] - brought | taken)

    def restore(self, target: int, state: State) -> None:
        """Make the content of an earlier commit by other means than the gate's."""
        self.states.append(state)
        self.contents.append(self.contents[target])


@given(st.data())
def test_nothing_that_is_held_is_called_good(data: st.DataObject) -> None:
    model = Model()
    kinds = st.sampled_from([UNVERIFIED, FAILING, JUDGED, State.JUDGED_AFTERWARDS])
    for _ in range(data.draw(st.integers(0, 12))):
        way = data.draw(st.sampled_from(["bring", "bring", "put_back", "undo", "restore"]))
        last = len(model.states)
        if way == "bring" or last == 0:
            model.bring(data.draw(kinds))
        elif way == "put_back":
            model.put_back(data.draw(st.integers(0, last)))
        elif way == "undo":
            model.undo(data.draw(st.integers(1, last)))
        else:
            # (One that is judged vouches for what it brings again.)
            model.restore(data.draw(st.integers(0, last)), data.draw(st.sampled_from([UNVERIFIED, FAILING])))
    names = {number: repr(sorted(content)) for number, content in enumerate(model.contents)}
    steps = [Step(commit(0, names[0]), State.INSTALLED)]
    for number, item in enumerate(model.states, 1):
        state = State.REVERT if isinstance(item, TakenBack) else item
        took = item if isinstance(item, TakenBack) else None
        steps.append(Step(commit(number, names[number]), state, took=took))
    found = Line(tuple(reversed(steps)))
    bad = {number for number, item in enumerate(model.states, 1) if item in (UNVERIFIED, FAILING)}
    brought = {number for number in bad if number in model.contents[number]}
    for content, outstanding in zip(reversed(model.contents), found.outstanding, strict=True):
        assert outstanding or not content & brought  # the same content may go by another's name
    if found.last_good is not None:
        assert not model.contents[int(found.last_good.id)] & brought
