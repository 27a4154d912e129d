"""Every kind of asset, partition and step, edited, observed and broken in any order, beside a model.

Multi-assets, whole or in part; outputs that stay away; graphs of ops with dynamic outputs; partitions that
come and go, of two dimensions, several in one call; retries; what is observed and reported from elsewhere.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from mlorch import AssetMaterialization, Instance, load_asset
from mlorch.app.materializing import Request, plan_request, run_request
from mlorch.app.observing import observe_assets
from mlorch.app.results import ExecutionResult
from mlorch.app.status import assess
from mlorch.app.targets import Partitions
from mlorch.definitions.reports import DATA_VERSION
from mlorch.errors import NotFoundError
from mlorch.events import AssetMaterialized, AssetObserved
from mlorch.log import Slot
from tests.machines.kinds import DESIGNS, ELSEWHERE, FAILING, Project, World
from tests.machines.model import Expected, Model

OURS = [name for name in DESIGNS if name not in ELSEWHERE]
ALONE = [name for name in OURS if DESIGNS[name].maker == name]
WHOLE = {"left", "right"}, {"low", "high"}
DAILY = {name for name in OURS if DESIGNS[name].parts == "days"}
SELECTIONS = st.just(set(DESIGNS)) | st.builds(
    lambda alone, together: set().union(alone, *together),
    st.sets(st.sampled_from([*ALONE, "some", "rest"])),
    st.lists(st.sampled_from(WHOLE)),
).filter(bool)


class EveryKind(RuleBasedStateMachine):
    """The engine beside the model."""

    def __init__(self, instance: Instance | None = None) -> None:
        super().__init__()
        self.world = World()
        self.project = Project(self.world)
        self.model = Model(self.world)
        self.instance = instance or Instance.ephemeral()
        self.versions: dict[int, str] = {0: "INITIAL"}
        self.values: dict[int, int] = {}

    @rule(name=st.sampled_from(OURS), code=st.integers(1, 3))
    def edit_code(self, name, code):
        self.world.code[name] = code

    @rule(name=st.sampled_from(["left", "shade"]), place=st.integers(0, 3), value=st.integers(0, 2))
    def change_outside(self, name, place, value):
        slots = self.world.slots(name)
        if slots:
            self.world.outside[slots[place % len(slots)]] = value

    @rule(value=st.integers(0, 2))
    def observe(self, value):
        self.world.outside["feed", None] = value
        self.model.seen("feed")
        assert observe_assets(self.project.definitions(), self.instance, ["feed"], Request()).success

    @rule(value=st.integers(0, 2))
    def report(self, value):
        self.world.outside["told", None] = value
        self.model.seen("told")
        tags = {DATA_VERSION: f"told-{value}"}
        self.instance.report_runless_asset_event(AssetMaterialization("told", tags=tags))

    @rule()
    def add_a_day(self):
        self.world.days = min(4, self.world.days + 1)

    @rule(colour=st.sampled_from(["red", "green", "blue"]))
    def add_or_remove_a_colour(self, colour):
        if colour in self.world.colours:
            self.instance.delete_dynamic_partition("colours", colour)
            self.world.colours.remove(colour)
        else:
            self.instance.add_dynamic_partitions("colours", [colour])
            self.world.colours.append(colour)

    @rule(
        names=SELECTIONS,
        days=st.none() | st.tuples(st.integers(1, 4), st.integers(1, 4)),
        only_stale=st.booleans(),
        broken=st.none() | st.sampled_from(FAILING),
        is_flaky=st.booleans(),
        away=st.sets(st.integers(1, 4)),
        executor=st.sampled_from(["in_process", "threads"]),
    )
    def materialize(self, names, days, only_stale, broken, is_flaky, away, executor):
        self.world.broken, self.world.is_flaky = broken, is_flaky
        self.world.away = {f"2024-01-{day:02}" for day in away}
        chosen = self.chosen(names, days)
        partitions = Partitions(range=(chosen[0], chosen[-1])) if chosen else Partitions(all=True)
        targets = [
            slot
            for name in DESIGNS
            if name in names
            for slot in self.world.slots(name)
            if not chosen or name not in DAILY or slot[1] in chosen
        ]
        request = Request(
            selection=sorted(names),
            partitions=partitions,
            only_stale=only_stale,
            executor=executor,
            workers=3,
        )
        try:
            expected = self.model.run(targets, only_stale)
        except KeyError:
            before = len(self.instance.log.read())
            with pytest.raises(NotFoundError, match="never materialized"):
                run_request(self.project.definitions(), self.instance, request)
            assert len(self.instance.log.read()) == before
        else:
            self.check(run_request(self.project.definitions(), self.instance, request), expected)

    def chosen(self, names: set[str], days: tuple[int, int] | None) -> list[str]:
        """Return the days that are meant, of assets that have no other partitions; none stands for all."""
        if days is None or not names & DAILY or any(DESIGNS[one].parts for one in names - DAILY):
            return []
        first, last = sorted(min(day, self.world.days) for day in days)
        return self.world.keys("days")[first - 1 : last]

    @rule()
    def materialize_everything_stale(self):
        """After a good run nothing is left to do, and every value is what naive code would compute."""
        self.world.broken, self.world.away = None, set()
        request = Request(only_stale=True)
        everything = [slot for name in OURS for slot in self.world.slots(name)]
        expected = self.model.run(everything, True)
        self.check(run_request(self.project.definitions(), self.instance, request), expected)
        assert plan_request(self.project.definitions(), self.instance, request).steps == ()
        known: dict[Slot, int] = {}
        for slot in everything:
            assert load_asset(*slot, instance=self.instance) == self.model.recomputed(slot, known)

    @invariant()
    def every_status_is_as_expected(self):
        assessment = assess(self.project.definitions(), self.instance, auto=False)
        slots = [slot for name in OURS for slot in self.world.slots(name)]
        assert {one: assessment.status(one).status for one in slots} == {
            one: self.model.status(one) for one in slots
        }

    def check(self, result: ExecutionResult, expected: Expected) -> None:
        made = Counter((one.asset, one.partition) for one in result.materializations)
        assert set(made) == set(expected.made)
        assert set(made.values()) <= {1}
        failed = {slot for one in result.failures for slot in one.failed}
        assert failed == expected.failed
        skips = [(one.is_blocked, (one.asset, one.partition)) for one in result.skipped]
        # Of a graph that failed the ops after the broken one are blocked as well.
        assert {slot for is_blocked, slot in skips if is_blocked} - failed <= expected.blocked
        assert {slot for is_blocked, slot in skips if not is_blocked} <= expected.skipped | expected.fresh
        assert len(skips) >= len({DESIGNS[slot[0]].maker for slot in expected.blocked | expected.skipped})
        assert result.success == (not expected.failed)
        self.check_facts(result.run_id)
        for slot in expected.made:
            assert load_asset(*slot, instance=self.instance) == self.model.made[slot].value

    def check_facts(self, run_id: str) -> None:
        """Inputs came first, in the version recorded and at the number recorded, and explain the value."""
        records = self.instance.log.read(kinds={AssetMaterialized.kind, AssetObserved.kind})
        facts = {one.seq: one.event for one in records}
        for seq, made in facts.items():
            if made.run_id != run_id or not isinstance(made, AssetMaterialized):
                continue
            slot = made.asset, made.partition
            fact = self.model.made[slot]
            self.values[seq] = fact.value
            assert self.versions.setdefault(fact.version, made.data_version) == made.data_version
            assert {one[:2]: one.data_version for one in made.inputs} == {
                one: self.versions.get(version) or f"{one[0]}-{self.world.outside.get(one, 0)}"
                for one, version in fact.inputs.items()
            }
            for one in made.inputs:
                assert (one.seq or 0) < seq
                if one.seq is not None:
                    read = facts[one.seq]
                    assert (read.asset, read.partition, read.data_version) == one[:3]
            taken = [one for one in made.inputs if one[0] in DESIGNS[slot[0]].takes]
            values = [self.values[one.seq or 0] for one in taken]
            assert self.model.explained(slot, values) == fact.value
        assert len(set(self.versions.values())) == len(self.versions)


pytestmark = pytest.mark.timeout(600)  # a failure takes its time to shrink
SHORT = settings(
    max_examples=50,
    stateful_step_count=15,
    deadline=None,
    phases=set(Phase) - {Phase.explain},  # it takes minutes
)


LONG = settings(SHORT, max_examples=800, stateful_step_count=25)


def test_every_kind_is_made_as_the_model_says():
    run_state_machine_as_test(EveryKind, settings=SHORT)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_every_kind_is_made_as_the_model_says_for_long():
    run_state_machine_as_test(EveryKind, settings=LONG)
