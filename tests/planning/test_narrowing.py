"""Narrowing many asset partitions to those that are missing, stale or failed."""

from __future__ import annotations

from mlorch import AssetOut, DailyPartitionsDefinition, Definitions, Instance, asset, materialize, multi_asset
from mlorch.app.status import assess
from mlorch.log import Slot
from mlorch.planning.narrowing import failed, missing, stale
from mlorch.planning.staleness import Assessment

DAYS = DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-04")
FIRST, SECOND, THIRD = DAYS.get_partition_keys()


def pair(version="1"):
    @asset(partitions_def=DAYS, code_version=version)
    def above() -> int:
        return 1

    @asset(partitions_def=DAYS, code_version="1")
    def below(above: int) -> int:
        return above

    return [above, below]


def asked(assets, instance) -> tuple[Assessment, list[Slot]]:
    definitions = Definitions(assets)
    assessment = assess(definitions, instance, auto=False)
    return assessment, [slot for key in definitions.graph.nodes for slot in assessment.slots(key)]


def test_missing_is_what_was_never_made():
    instance = Instance.ephemeral()
    materialize(pair(), instance=instance, partition_key=FIRST)
    materialize(pair(), instance=instance, partition_key=SECOND, selection="above")
    found = missing(*asked(pair(), instance))
    assert found == [("above", THIRD), ("below", SECOND), ("below", THIRD)]


def test_stale_is_what_changed_and_all_that_reads_it():
    instance = Instance.ephemeral()
    for key in (FIRST, SECOND, THIRD):
        materialize(pair(), instance=instance, partition_key=key)
    assert stale(*asked(pair(), instance)) == []
    materialize(pair("2"), instance=instance, partition_key=SECOND)
    found = stale(*asked(pair("2"), instance))
    assert found == [("above", FIRST), ("above", THIRD), ("below", FIRST), ("below", THIRD)]


def test_failed_is_what_failed_and_what_was_not_made_below():
    instance = Instance.ephemeral()
    materialize(pair(), instance=instance, partition_key=FIRST)
    found = failed(*asked(pair(), instance), {("above", FIRST), ("above", SECOND)})
    assert found == [("above", FIRST), ("above", SECOND), ("below", SECOND)]


def test_what_one_function_makes_comes_whole():
    @multi_asset(outs={"one": AssetOut(code_version="1"), "other": AssetOut(code_version="1")})
    def both():
        return 1, 2

    instance = Instance.ephemeral()
    found = failed(*asked([both], instance), {("one", None)})
    assert found == [("one", None), ("other", None)]
