"""materialize from Python: results, refusals, failures, and what the log says afterwards."""

from __future__ import annotations

import json

import pytest

from mlorch import (
    AssetExecutionContext,
    AssetIn,
    Config,
    ConfigurableResource,
    DailyPartitionsDefinition,
    DataVersion,
    EnvVar,
    Instance,
    MaterializeResult,
    Output,
    RetryPolicy,
    RunConfig,
    StaticPartitionsDefinition,
    asset,
    load_asset,
    materialize,
)
from mlorch.definitions.specs import CONTENT
from mlorch.errors import (
    InvalidConfigError,
    InvalidSelectionError,
    NotFoundError,
    TypeCheckError,
    UnknownPartitionError,
    UserError,
)

DAYS = DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-04")


class Training(Config):
    rate: float = 0.5


class Api(ConfigurableResource):
    token: str

    def fetch(self) -> str:
        return f"data for {self.token}"


@asset(code_version="1")
def numbers() -> list[int]:
    return [1, 2, 3]


@asset(code_version="1")
def total(context: AssetExecutionContext, numbers: list[int], config: Training) -> float:
    print("adding")
    context.log.warning("adding %d numbers", len(numbers))
    context.add_output_metadata({"count": len(numbers), "source": "postgres://me:secret@db/x"})
    context.log_metric("loss", 0.25)
    context.log_metric("curve", 3.0, step=1)
    return sum(numbers) * config.rate


def test_values_are_made_in_order_and_read_back():
    result = materialize([total, numbers])
    assert result.success
    assert [one.step for one in result.materializations] == ["numbers", "total"]
    assert result.asset_value("total") == 3.0
    assert result.asset_value(numbers) == [1, 2, 3]


def test_each_fact_says_where_the_value_came_from():
    instance = Instance.ephemeral()
    made = materialize([numbers, total], instance=instance).materializations[1]
    records = {one.event.kind: one for one in instance.log.read()}
    source = next(one for one in instance.log.read(kinds={"asset_materialized"}, asset="numbers"))
    logged = next(one.event for one in instance.log.read(kinds={"asset_materialized"}, asset="total"))
    assert [(one.asset, one.data_version, one.seq) for one in logged.inputs] == [
        ("numbers", source.event.data_version, source.seq)
    ]
    assert logged.config == {"rate": 0.5}
    assert logged.metadata == {"count": 3, "source": "postgres://me:***@db/x"}
    assert logged.metrics == {"loss": 0.25, "curve": [[1, 3.0]]}
    assert logged.code_version == "1"
    assert len(logged.content_hash or "") == 32
    assert logged.environment["python"].startswith("3.")
    assert records["output_captured"].event.stdout == "adding\n"
    assert [entry[1:] for entry in records["output_captured"].event.log] == [("WARNING", "adding 3 numbers")]
    assert records["run_finished"].event.counts == {"made": 2, "skipped": 0, "failed": 0, "blocked": 0}
    assert made.data_version == logged.data_version


def test_run_config_overrides_defaults_and_makes_another_version():
    plain = materialize([numbers, total])
    other = materialize([numbers, total], run_config=RunConfig(ops={"total": Training(rate=2)}))
    assert other.asset_value("total") == 12.0
    assert other.materializations[1].data_version != plain.materializations[1].data_version


@pytest.mark.parametrize(
    ("run_config", "message"),
    [
        ({"ops": {"total": {"config": {"rat": 1}}}}, "no field 'rat'; did you mean 'rate'"),
        ({"ops": {"totl": {"config": {}}}}, "names 'totl', no asset or op; did you mean 'total'"),
        ({"ops": {"numbers": {"config": {"rate": 1}}}}, "names 'numbers', which has no config parameter"),
        ({"op": {}}, "no section 'op'; did you mean 'ops'"),
        ({"ops": {"total": 3}}, "the run config of 'total' should be {config: …}, not 3"),
        ({"ops": {"total": {"confg": {}}}}, "'total' has no section 'confg'; did you mean 'config'"),
        ({"ops": {"total": {"config": [1]}}}, "'total' should be fields, {NAME: VALUE}, not \\[1\\]"),
        ({"ops": [1]}, "ops should be {NAME: …}, not \\[1\\]"),
        ({"ops": {7: {}}}, "names '7', no asset"),
    ],
)
def test_a_wrong_run_config_is_refused_before_anything_runs(run_config, message):
    instance = Instance.ephemeral()
    with pytest.raises(InvalidConfigError, match=message):
        materialize([numbers, total], run_config=run_config, instance=instance)
    assert instance.log.read() == []


def test_a_missing_environment_variable_stops_before_anything_runs(monkeypatch):
    @asset
    def fetched(api: Api) -> str:
        return api.fetch()

    monkeypatch.delenv("API_TOKEN", raising=False)
    instance = Instance.ephemeral()
    with pytest.raises(InvalidConfigError, match="API_TOKEN"):
        materialize([fetched], resources={"api": Api(token=EnvVar("API_TOKEN"))}, instance=instance)
    assert instance.log.read() == []


def test_secrets_never_reach_the_log(monkeypatch):
    @asset
    def fetched(context, api: Api) -> str:
        print(f"calling with {api.token}")
        context.log.info("token=%s", api.token)
        context.add_output_metadata({"url": f"https://x/{api.token}"})
        return "ok"

    @asset
    def broken(api: Api, fetched) -> str:
        raise ValueError(f"rejected {api.token}")

    monkeypatch.setenv("API_TOKEN", "s3cr3t-t0ken")
    instance = Instance.ephemeral()
    materialize(
        [fetched, broken],
        resources={"api": Api(token=EnvVar("API_TOKEN"))},
        instance=instance,
        raise_on_error=False,
    )
    text = json.dumps([repr(one) for one in instance.log.read()])
    assert "calling with ***" in text
    assert "rejected ***" in text
    assert "s3cr3t-t0ken" not in text


def test_what_the_user_raised_is_raised_and_what_does_not_need_it_is_made():
    @asset
    def broken() -> int:
        return 1 // 0

    @asset
    def below(broken: int) -> int:
        return broken

    instance = Instance.ephemeral()
    with pytest.raises(ZeroDivisionError):
        materialize([broken, below, numbers], instance=instance)
    result = materialize([broken, below, numbers], instance=instance, raise_on_error=False)
    assert not result.success
    assert result.exit_code == 1
    assert [one.step for one in result.materializations] == ["numbers"]
    assert [(one.step, one.is_blocked) for one in result.skipped] == [("below", True)]
    (failure,) = result.failures
    assert failure.error["type"] == "ZeroDivisionError"
    lines = failure.error["traceback"].splitlines()
    assert "in broken" in lines[1], "the traceback starts at the user's function"


def test_a_value_that_contradicts_its_annotation_is_the_users_mistake_and_is_not_kept():
    @asset
    def count() -> int:
        return "many"  # type: ignore[return-value]

    instance = Instance.ephemeral()
    with pytest.raises(TypeCheckError, match="asset 'count' returned str where its annotation says int"):
        materialize([count], instance=instance)
    result = materialize([count], instance=instance, raise_on_error=False)
    assert result.exit_code == 2
    with pytest.raises(NotFoundError):
        result.asset_value("count")


def test_a_failed_step_is_tried_again_as_its_policy_says():
    attempts = []

    @asset(retry_policy=RetryPolicy(max_retries=2, delay=0.01))
    def flaky(context) -> int:
        attempts.append(context.retry_number)
        if len(attempts) < 3:
            raise ConnectionError("try later")
        return 7

    instance = Instance.ephemeral()
    result = materialize([flaky], instance=instance)
    assert result.success
    assert attempts == [0, 1, 2]
    assert len(instance.log.read(kinds={"step_retried"})) == 2
    assert result.materializations[0].attempt == 3


def test_an_output_brings_its_version_and_metadata():
    @asset
    def given() -> Output[int]:
        return Output(3, data_version=DataVersion("v3"), metadata={"rows": 5})

    @asset
    def told() -> MaterializeResult:
        return MaterializeResult(metadata={"rows": 9}, data_version=DataVersion("t1"))

    first, second = materialize([given, told]).materializations
    assert (first.data_version, first.is_user_provided, first.metadata["rows"]) == ("v3", True, 5)
    assert (second.data_version, second.content_hash, second.metadata) == ("t1", None, {"rows": 9})


def test_content_versions_are_equal_for_equal_bytes():
    @asset(data_version=CONTENT)
    def stable() -> int:
        return 5

    first = materialize([stable]).materializations[0]
    second = materialize([stable]).materializations[0]
    assert first.run_id != second.run_id
    assert first.data_version == second.data_version == first.content_hash


def test_nothing_is_kept_of_a_function_that_returns_nothing():
    @asset
    def notify() -> None:
        return None

    @asset
    def silent():
        return None

    instance = Instance.ephemeral()
    result = materialize([notify, silent], instance=instance)
    assert [one.content_hash is None for one in result.materializations] == [True, False]
    assert result.asset_value("notify") is None
    assert result.asset_value("silent") is None
    with pytest.raises(NotFoundError, match="keeps no value"):
        load_asset("notify", instance=instance)


@asset(partitions_def=DAYS, code_version="1")
def raw(context: AssetExecutionContext) -> int:
    return context.partition_time_window.start.day


@asset(partitions_def=DAYS, code_version="1")
def doubled(raw: int) -> int:
    return raw * 2


@asset(code_version="1")
def everything(doubled: dict[str, int]) -> int:
    return sum(doubled.values())


def test_a_partition_reads_its_own_partition():
    result = materialize([raw, doubled], partition_key="2024-01-02")
    assert [one.step for one in result.materializations] == ["raw[2024-01-02]", "doubled[2024-01-02]"]
    assert result.asset_value("doubled") == 4
    assert result.asset_value("doubled", "2024-01-02") == 4


def test_a_dict_is_given_by_partition_key_even_for_one_partition():
    @asset(partitions_def=DAYS)
    def one(raw: dict[str, int]) -> dict[str, int]:
        return raw

    assert materialize([raw, one], partition_key="2024-01-03").asset_value("one") == {"2024-01-03": 3}


def test_all_partitions_feed_an_unpartitioned_asset():
    result = materialize([raw, doubled, everything], only_stale=True)
    assert result.asset_value("everything") == 12
    assert len(result.materializations[-1].inputs) == 3


@pytest.mark.parametrize("key", ["2024-13-01", "2025-01-01", "../../x", "", "2024-1-1"])
def test_an_unknown_partition_is_refused_with_the_keys_that_exist(key):
    with pytest.raises(UnknownPartitionError, match=r"'raw'.*2024-01-01"):
        materialize([raw], partition_key=key)


def test_a_partition_for_assets_without_any_is_refused():
    with pytest.raises(UserError, match="no selected asset is partitioned"):
        materialize([numbers], partition_key="2024-01-01")


def test_a_partitioned_asset_needs_to_be_told_which():
    with pytest.raises(UserError, match="asset 'raw' is partitioned; say which"):
        materialize([raw])


def test_an_upstream_value_that_was_never_made_is_named_before_anything_runs():
    instance = Instance.ephemeral()
    with pytest.raises(NotFoundError, match=r"doubled\[2024-01-02\] reads raw\[2024-01-02\]"):
        materialize([raw, doubled], selection="doubled", partition_key="2024-01-02", instance=instance)
    assert instance.log.read() == []


def test_an_unknown_asset_in_a_selection_is_named():
    with pytest.raises(InvalidSelectionError, match=r"totl.*did you mean 'total'"):
        materialize([numbers, total], selection="totl")


def test_any_recorded_version_can_be_loaded_again():
    tokens = iter([10, 20])

    @asset(code_version="1", data_version=CONTENT)
    def changing() -> int:
        return next(tokens)

    instance = Instance.ephemeral()
    first = materialize([changing], instance=instance).materializations[0]
    materialize([changing], instance=instance)
    assert load_asset("changing", instance=instance) == 20
    assert load_asset("changing", data_version=first.data_version, instance=instance) == 10
    assert load_asset("changing", data_version=first.data_version[:10], instance=instance) == 10
    with pytest.raises(NotFoundError, match="no materialized version 'zzz'"):
        load_asset("changing", data_version="zzz", instance=instance)


def test_tags_and_selection_are_recorded_with_the_run():
    instance = Instance.ephemeral()
    materialize([numbers, total], selection="numbers", tags={"why": "test"}, instance=instance)
    started = instance.log.read(kinds={"run_started"})[0].event
    assert (started.selection, dict(started.tags), started.steps) == (("numbers",), {"why": "test"}, 1)


def test_an_io_manager_of_ones_own_is_used_by_key_and_found_again():
    from mlorch import IOManager

    class Shelf(IOManager):
        def __init__(self):
            self.kept = {}

        def handle_output(self, context, obj):
            self.kept[context.path] = obj

        def load_input(self, context):
            return self.kept[context.path]

    @asset(io_manager_key="shelf")
    def shelved() -> int:
        return 4

    @asset(ins={"x": AssetIn("shelved")})
    def read(x: int) -> int:
        return x + 1

    shelf = Shelf()
    result = materialize([shelved, read], resources={"shelf": shelf})
    assert shelf.kept == {"shelved": 4}
    assert result.asset_value("read") == 5
    assert result.asset_value("shelved") == 4


def test_tags_may_name_a_range_of_partitions_as_people_write_it_for_dagster():
    @asset(partitions_def=StaticPartitionsDefinition(["a", "b", "c"]))
    def letters(context: AssetExecutionContext) -> str:
        return context.partition_key

    tags = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "b"}
    result = materialize([letters], tags=tags)
    assert [one.partition for one in result.materializations] == ["a", "b"]
