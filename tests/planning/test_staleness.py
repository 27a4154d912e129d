"""Staleness, through the public names: what is made again, and what is said about it."""

from __future__ import annotations

from typing import Any

import pytest

from mlorch import (
    AssetIn,
    AssetSpec,
    Config,
    DailyPartitionsDefinition,
    DataVersion,
    Definitions,
    Instance,
    Output,
    StaticPartitionsDefinition,
    TimeWindowPartitionMapping,
    asset,
    materialize,
)
from mlorch.app.status import asset_statuses, explain
from mlorch.events import AssetObserved

DAYS = DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-06")


def chain(a="1", b="1", c="1", **options):
    made = asset(name="a", code_version=a, **options)(lambda: 1)
    read = asset(name="b", code_version=b, ins={"x": AssetIn("a")}, **options)(lambda x: x + 1)
    last = asset(name="c", code_version=c, ins={"x": AssetIn("b")}, **options)(lambda x: x + 1)
    return [made, read, last]


def statuses(assets, instance):
    found = asset_statuses(Definitions(assets), instance, None, auto=False)
    return {one.key: one.status for one in found}


def reasons(assets, instance, key, partition=None):
    (found,) = explain(Definitions(assets), instance, key, partition, auto=False)
    return [(cause.category, cause.reason) for cause in found.causes]


def test_nothing_is_fresh_before_it_is_made_and_everything_after():
    instance = Instance.ephemeral()
    assert set(statuses(chain(), instance).values()) == {"MISSING"}
    materialize(chain(), instance=instance)
    assert set(statuses(chain(), instance).values()) == {"FRESH"}
    again = materialize(chain(), instance=instance, only_stale=True)
    assert again.success
    assert again.materializations == []
    assert again.run_id == ""


def test_staleness_is_not_transitive_and_upstream_stale_is_its_own_projection():
    instance = Instance.ephemeral()
    materialize(chain(), instance=instance)
    newer = chain(a="2")
    assert statuses(newer, instance) == {"a": "STALE", "b": "FRESH", "c": "FRESH"}
    assert reasons(newer, instance, "a") == [("CODE", "has a new code version")]
    by_key = {one.key: one for one in asset_statuses(Definitions(newer), instance, None, auto=False)}
    assert by_key["b"].upstream_stale == (("a", None),)
    assert by_key["c"].upstream_stale == (("a", None),)
    materialize(newer, instance=instance, selection="a")
    assert statuses(newer, instance) == {"a": "FRESH", "b": "STALE", "c": "FRESH"}
    assert reasons(newer, instance, "b") == [("DATA", "has a new dependency data version")]


def test_the_root_cause_names_the_asset_that_changed():
    instance = Instance.ephemeral()
    materialize(chain(), instance=instance)
    newer = chain(a="2")
    materialize(newer, instance=instance, selection=["a", "b"])
    (found,) = explain(Definitions(newer), instance, "c", None, auto=False)
    (root,) = found.root_causes
    assert (root.slot, root.category, root.reason) == (("a", None), "CODE", "has a new code version")
    made = next(one for one in instance.log.read(asset="a", newest_first=True))
    assert root.at == made.event.at


def test_an_asset_that_is_read_in_two_ways_counts_once():
    a, _, _ = chain()
    both = asset(name="both", code_version="1", ins={"x": AssetIn("a")}, deps=["a"])(lambda x: x)
    instance = Instance.ephemeral()
    made = materialize([a, both], instance=instance).materializations[1]
    assert [one.asset for one in made.inputs] == ["a"]
    assert statuses([a, both], instance) == {"a": "FRESH", "both": "FRESH"}


def test_undeclared_code_makes_every_materialization_new():
    instance = Instance.ephemeral()
    assets = chain(a=None)
    materialize(assets, instance=instance)
    assert statuses(assets, instance) == {"a": "FRESH", "b": "FRESH", "c": "FRESH"}
    materialize(assets, instance=instance, selection="a")
    assert reasons(assets, instance, "b") == [("DATA", "has a new dependency materialization")]


def test_the_same_code_made_again_makes_nothing_stale():
    instance = Instance.ephemeral()
    materialize(chain(), instance=instance)
    materialize(chain(), instance=instance, selection="a")
    assert set(statuses(chain(), instance).values()) == {"FRESH"}


def test_early_cutoff_stops_where_the_version_came_out_the_same():
    def graph(code):
        @asset(code_version=code)
        def a():
            return Output(1, data_version=DataVersion("constant"))

        @asset(code_version="1")
        def b(a):
            return a

        @asset(code_version="1")
        def c(b):
            return b

        return [a, b, c]

    instance = Instance.ephemeral()
    materialize(graph("1"), instance=instance)
    again = materialize(graph("2"), instance=instance, only_stale=True)
    assert [one.step for one in again.materializations] == ["a"]
    assert [(one.step, one.reason) for one in again.skipped] == [
        ("b", "its inputs came out with the same data versions"),
        ("c", "its inputs came out with the same data versions"),
    ]
    kinds = [one.event.kind for one in instance.log.read(run_id=again.run_id)]
    assert kinds.count("step_skipped") == 2


def test_stale_follows_what_becomes_stale_while_the_run_goes():
    instance = Instance.ephemeral()
    materialize(chain(), instance=instance)
    again = materialize(chain(a="2"), instance=instance, only_stale=True)
    assert [one.step for one in again.materializations] == ["a", "b", "c"]


def test_dependencies_added_and_removed_are_causes():
    instance = Instance.ephemeral()
    a, b, c = chain()
    materialize([a, b, c], instance=instance)
    moved = asset(name="c", code_version="1", ins={"x": AssetIn("a")})(lambda x: x)
    assert reasons([a, b, moved], instance, "c") == [
        ("DEPENDENCIES", "has a new dependency on a"),
        ("DEPENDENCIES", "removed dependency on b"),
    ]


def test_a_new_default_is_staleness_and_an_override_is_not():
    def model(rate):
        class Training(Config):
            rate: float = 0.0

        Training.model_fields["rate"].default = rate
        Training.model_rebuild(force=True)

        @asset(code_version="1")
        def fit(config: Training) -> float:
            return config.rate

        return fit

    instance = Instance.ephemeral()
    first = model(0.1)
    over = materialize([first], instance=instance, run_config={"ops": {"fit": {"config": {"rate": 9}}}})
    assert over.asset_value("fit") == 9
    assert statuses([first], instance) == {"fit": "FRESH"}
    plain = materialize([first], instance=instance)
    assert plain.materializations[0].data_version != over.materializations[0].data_version
    assert reasons([model(0.2)], instance, "fit") == [("CONFIG", "has a new default config")]


def test_a_config_that_comes_or_goes_is_a_new_default():
    class Training(Config):
        rate: float = 0.5

    @asset(name="fit", code_version="1")
    def without() -> float:
        return 1.0

    @asset(name="fit", code_version="1")
    def with_config(config: Training) -> float:
        return config.rate

    instance = Instance.ephemeral()
    for before, after in ((without, with_config), (with_config, without)):
        materialize([before], instance=instance)
        assert reasons([after], instance, "fit") == [("CONFIG", "has a new default config")]
        materialize([after], instance=instance, only_stale=True)
        assert statuses([after], instance) == {"fit": "FRESH"}


def test_one_changed_partition_of_many_is_seen_through_every_mapping():
    parts = StaticPartitionsDefinition([f"p{i:03}" for i in range(150)])

    def graph():
        @asset(partitions_def=parts, code_version="1")
        def source(context):
            return Output(1, data_version=DataVersion(tokens.get(context.partition_key, "x")))

        @asset(code_version="1")
        def total(source: dict[str, int]) -> int:
            return sum(source.values())

        return [source, total]

    tokens: dict[str, str] = {}
    instance = Instance.ephemeral()
    materialize(graph(), instance=instance, only_stale=True)
    tokens["p077"] = "y"
    materialize(graph(), instance=instance, selection="source", partition_key="p077")
    (found,) = explain(Definitions(graph()), instance, "total", None, auto=False)
    assert [cause.upstream for cause in found.causes] == [("source", "p077")]


def test_a_rolling_window_is_stale_in_exactly_the_partitions_that_read_what_changed():
    tokens: dict[str, str] = {}

    @asset(partitions_def=DAYS, code_version="1")
    def raw(context) -> Output[int]:
        return Output(1, data_version=DataVersion(tokens.get(context.partition_key, "x")))

    window = TimeWindowPartitionMapping(start_offset=-2)

    @asset(partitions_def=DAYS, code_version="1", ins={"raw": AssetIn(partition_mapping=window)})
    def model(raw: dict[str, int]) -> int:
        return len(raw)

    instance = Instance.ephemeral()
    first = materialize([raw, model], instance=instance, only_stale=True)
    assert first.asset_value("model", "2024-01-01") == 1
    assert first.asset_value("model", "2024-01-05") == 3
    tokens["2024-01-02"] = "y"
    materialize([raw], instance=instance, partition_key="2024-01-02")
    (row,) = asset_statuses(Definitions([raw, model]), instance, "model", auto=False)
    assert (row.status, row.counts["STALE"], row.counts["FRESH"]) == ("STALE", 3, 2)
    assert {slot[1] for slot, _ in row.causes} == {"2024-01-02", "2024-01-03", "2024-01-04"}


def test_an_external_asset_is_fresh_and_its_observation_makes_readers_stale():
    @asset(deps=["upload"], code_version="1")
    def report():
        return 1

    assets: list[Any] = [AssetSpec("upload"), report]
    instance = Instance.ephemeral()
    materialize(assets, instance=instance)
    assert statuses(assets, instance) == {"upload": "FRESH", "report": "FRESH"}
    instance.log.append([AssetObserved(at=2e9, asset="upload", data_version="v2")])
    (found,) = explain(Definitions(assets), instance, "report", None, auto=False)
    assert found.status == "STALE"
    assert [(root.slot, root.category, root.at) for root in found.root_causes] == [
        (("upload", None), "DATA", 2e9)
    ]


def test_a_partitioned_asset_answers_with_counts():
    @asset(partitions_def=DAYS, code_version="1")
    def raw(context) -> int:
        if context.partition_key == "2024-01-03":
            raise ValueError("no data")
        return 1

    instance = Instance.ephemeral()
    materialize([raw], instance=instance, partition_key="2024-01-01")
    materialize([raw], instance=instance, partition_key="2024-01-03", raise_on_error=False)
    (row,) = asset_statuses(Definitions([raw]), instance, None, auto=False)
    assert row.status == "STALE"
    assert row.counts == {"FRESH": 1, "STALE": 0, "MISSING": 4, "FAILED": 1, "IN_PROGRESS": 0}


@pytest.mark.parametrize("length", [2500])
def test_long_chains_are_no_deeper_than_the_stack(length):
    assets = [asset(name="s0", code_version="1")(lambda: 0)]
    assets += [
        asset(name=f"s{i}", code_version="1", ins={"x": AssetIn(f"s{i - 1}")})(lambda x: x)
        for i in range(1, length)
    ]
    instance = Instance.ephemeral()
    materialize(assets, instance=instance)
    changed = [asset(name="s0", code_version="2")(lambda: 0), *assets[1:]]
    (found,) = explain(Definitions(changed), instance, f"s{length - 1}", None, auto=False)
    assert found.upstream_stale == (("s0", None),)
    materialize(changed, instance=instance, selection=[f"s{i}" for i in range(length - 1)])
    (found,) = explain(Definitions(changed), instance, f"s{length - 1}", None, auto=False)
    assert [root.slot for root in found.root_causes] == [("s0", None)]
