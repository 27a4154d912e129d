"""What the log is asked, through the methods of an instance."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlorch import (
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    AssetPartitionStatus,
    AssetSpec,
    DagsterInstance,
    DagsterRunStatus,
    Definitions,
    Instance,
    Output,
    RunsFilter,
    StaticPartitionsDefinition,
    asset,
    materialize,
)
from mlorch.app.materializing import Request, run_request
from mlorch.errors import TypeCheckError, UnknownPartitionError, UserError
from mlorch.events import AssetMaterialized, RunFinished, RunStarted, StepFailed, StepStarted
from mlorch.queries.partitions import slots_in_progress

LETTERS = StaticPartitionsDefinition(["a", "b", "c"])


@asset
def numbers():
    return Output([1, 2], metadata={"rows": 2})


@asset(partitions_def=LETTERS)
def letters(context) -> str:
    if context.partition_key == "b":
        raise ValueError("no b")
    return str(context.partition_key)


@pytest.fixture(params=["memory", "sqlite"])
def instance(request: pytest.FixtureRequest, tmp_path: Path):
    with Instance.ephemeral() if request.param == "memory" else Instance.local(tmp_path) as opened:
        yield opened


def test_runs_come_newest_first_and_are_found_by_what_they_are(instance):
    first = materialize([numbers], instance=instance, tags={"who": "ada", "why": "test"})
    run_request(Definitions([numbers]), instance, Request(job="nightly", tags={"who": "bob"}))
    second, again = instance.get_runs()
    assert again.run_id == first.run_id
    assert (second.job_name, second.tags["who"], second.status) == ("nightly", "bob", "SUCCESS")
    assert second.status is DagsterRunStatus.SUCCESS
    assert (second.is_success, second.is_failure, second.is_finished) == (True, False, True)
    assert second.asset_selection == {AssetKey("numbers")}
    assert again.started_at <= again.finished_at <= second.started_at

    def ids(limit=None, **filters):
        return [run.run_id for run in instance.get_runs(filters=RunsFilter(**filters), limit=limit)]

    assert ids() == [second.run_id, first.run_id]
    assert ids(limit=1) == [second.run_id]
    assert ids(job_name="nightly") == [second.run_id]
    assert ids(run_ids=[first.run_id, "none"]) == [first.run_id]
    assert ids(statuses=[DagsterRunStatus.FAILURE]) == []
    assert ids(statuses=["SUCCESS", "FAILURE"], tags={"who": "ada"}) == [first.run_id]
    assert ids(tags={"who": ["ada", "bob"]}) == [second.run_id, first.run_id]
    assert ids(tags={"who": "ada", "why": "x"}) == []
    between = datetime.fromtimestamp((first_end := again.finished_at) + 1e-6, UTC)
    assert first_end < second.started_at
    assert ids(created_after=between) == [second.run_id]
    assert ids(created_before=between) == [first.run_id]


def test_a_run_is_found_by_its_id(instance):
    made = materialize([letters], instance=instance, partition_key="b", raise_on_error=False)
    run = instance.get_run_by_id(made.run_id)
    assert (run.status, run.is_failure, run.run_config) == ("FAILURE", True, {})
    assert instance.get_run_by_id("none") is None


def test_a_filter_refuses_times_without_a_zone(instance):
    materialize([numbers], instance=instance)
    with pytest.raises(UserError, match=r"has no time zone; write datetime\(…, tzinfo=UTC\)"):
        instance.get_runs(RunsFilter(created_after=datetime(2024, 1, 1)))  # noqa: DTZ001


def test_what_was_made_can_be_looked_at(instance):
    assert instance.get_latest_materialization_event("numbers") is None
    runs = [materialize([numbers], instance=instance).run_id for _ in range(3)]
    latest = instance.get_latest_materialization_event(AssetKey("numbers"))
    assert (latest.run_id, latest.partition_key) == (runs[-1], None)
    assert latest.asset_materialization.asset_key == AssetKey("numbers")
    assert latest.asset_materialization.metadata == {"rows": 2}
    assert latest.asset_materialization.data_version == latest.data_version
    assert latest.asset_observation is None

    found = instance.fetch_materializations(AssetKey("numbers"), limit=2)
    assert [one.run_id for one in found.records] == runs[:0:-1]
    assert found.has_more
    rest = instance.fetch_materializations("numbers", limit=2, cursor=found.cursor)
    assert [one.run_id for one in rest.records] == runs[:1]
    assert not rest.has_more
    assert instance.fetch_materializations("numbers", 2, rest.cursor).records == []
    with pytest.raises(UserError, match="'x' is no cursor"):
        instance.fetch_materializations("numbers", 2, "x")


def test_partitions_say_how_they_stand(instance):
    for key in ("a", "b"):
        materialize([letters], instance=instance, partition_key=key, raise_on_error=False)
    assert instance.get_materialized_partitions("letters") == {"a"}
    assert instance.get_status_by_partition("letters") == {"a": "MATERIALIZED", "b": "FAILED"}
    assert instance.get_status_by_partition(AssetKey("letters"), ["c", "b", "a"], LETTERS) == {
        "c": None,
        "b": AssetPartitionStatus.FAILED,
        "a": AssetPartitionStatus.MATERIALIZED,
    }
    with pytest.raises(UnknownPartitionError, match="'z'"):
        instance.get_status_by_partition("letters", ["z"], LETTERS)


def test_what_living_runs_have_begun_is_in_progress():
    instance = Instance.ephemeral()
    instance.log.append(
        [
            RunStarted(run_id="r", at=1.0),
            *(StepStarted(run_id="r", at=1.0, step=f"x[{p}]", asset="x", partition=p) for p in "abcd"),
            AssetMaterialized(run_id="r", at=2.0, step="x[a]", asset="x", partition="a"),
            StepFailed(run_id="r", at=2.0, step="x[b]", asset="x", partition="b", error={}),
        ]
    )
    assert slots_in_progress(instance.log, {"r", "other"}) == {("x", "c"), ("x", "d")}
    assert slots_in_progress(instance.log, set()) == set()
    instance.log.append([RunFinished(run_id="r", at=3.0, status="CANCELED")])
    assert slots_in_progress(instance.log, {"r"}) == set()


def test_a_failure_is_forgotten_once_the_partition_is_made(instance):
    failed = StepFailed(run_id="r", at=9.0, step="x[a]", asset="x", error={}, slots=(("x", "a"), ("x", "b")))
    instance.log.append([failed])
    assert instance.get_status_by_partition("x") == {"a": "FAILED", "b": "FAILED"}
    instance.log.append([AssetMaterialized(run_id="s", at=1.0, step="x[a]", asset="x", partition="a")])
    assert instance.get_status_by_partition("x") == {"a": "MATERIALIZED", "b": "FAILED"}


def test_what_is_made_elsewhere_is_reported(instance):
    tags = {"dagster/data_version": "7", "dagster/code_version": "c"}
    instance.report_runless_asset_event(
        AssetMaterialization("raw/orders", partition="a", metadata={"rows": 3}, tags=tags)
    )
    made = instance.get_latest_materialization_event(["raw", "orders"])
    assert (made.partition_key, made.data_version) == ("a", "7")
    assert made.asset_materialization == AssetMaterialization(
        AssetKey(["raw", "orders"]), metadata={"rows": 3}, partition="a", tags=tags
    )
    assert instance.get_runs() == []
    assert instance.get_materialized_partitions("raw/orders") == {"a"}


def test_reports_without_a_version_are_each_a_new_one(instance):
    versions = set()
    for report in (AssetMaterialization("raw"), AssetMaterialization("raw"), AssetObservation("raw")):
        instance.report_runless_asset_event(report)
        versions.add(instance.get_latest_data_version_record(AssetKey("raw")).data_version)
    assert len(versions) == 3
    assert instance.fetch_observations("raw", limit=5).records[0].asset_observation.asset_key == AssetKey(
        "raw"
    )
    assert len(instance.fetch_materializations("raw", limit=5).records) == 2


def test_the_latest_version_is_that_of_what_came_last(instance):
    assert instance.get_latest_data_version_record("raw") is None
    for version, partition in (("1", "a"), ("2", "b"), ("3", "a")):
        tags = {"dagster/data_version": version}
        instance.report_runless_asset_event(AssetObservation("raw", partition=partition, tags=tags))
    assert instance.get_latest_data_version_record("raw").data_version == "3"
    assert instance.get_latest_data_version_record("raw", partition_key="b").data_version == "2"
    assert instance.get_latest_data_version_record("raw", partition_key="c") is None


def test_a_report_makes_what_reads_it_stale(instance):
    @asset(deps=["raw"])
    def below() -> int:
        return 1

    def made_again():
        return materialize([AssetSpec("raw"), below], instance=instance, only_stale=True).run_id != ""

    assert made_again()
    assert not made_again()
    instance.report_runless_asset_event(AssetMaterialization("raw"))
    assert made_again()
    assert not made_again()


def test_what_is_no_report_is_refused(instance):
    with pytest.raises(TypeCheckError, match="is no report; give an AssetMaterialization"):
        instance.report_runless_asset_event("raw")
    with pytest.raises(TypeCheckError, match="asset 'raw': a partition key is text, not 3"):
        AssetMaterialization("raw", partition=3)  # type: ignore[arg-type]


def test_people_may_say_dagster_instance(tmp_path: Path):
    assert DagsterInstance is Instance
    with DagsterInstance.local_temp(str(tmp_path)) as opened:
        assert opened.get_runs() == []
