"""A run again: what was done is kept, what was not is made."""

from __future__ import annotations

import time

import pytest

from mlorch import (
    AssetExecutionContext,
    AssetOut,
    Config,
    Definitions,
    DynamicOut,
    DynamicOutput,
    Instance,
    Output,
    RunConfig,
    StaticPartitionsDefinition,
    asset,
    asset_check,
    define_asset_job,
    graph_asset,
    job,
    materialize,
    multi_asset,
    op,
)
from mlorch.app.groups import group_of
from mlorch.app.materializing import Request, run_request
from mlorch.app.retrying import next_retry, retry_run
from mlorch.app.targets import Partitions
from mlorch.definitions.checks import AssetCheckResult
from mlorch.errors import NotFoundError, UserError
from mlorch.events import StepStarted

calls: list[str] = []
broken: set[str] = set()


@pytest.fixture(autouse=True)
def _fresh():
    calls.clear()
    broken.clear()


def call(name):
    """Note that a step was performed, and fail where it is broken."""
    calls.append(name)
    if name in broken:
        raise ConnectionError(f"{name} is broken")


@asset(code_version="1")
def raw() -> int:
    call("raw")
    return 1


@asset(code_version="1")
def clean(raw: int) -> int:
    call("clean")
    return raw + 1


@asset(code_version="1")
def model(clean: int) -> int:
    call("model")
    return clean * 10


@asset(code_version="1")
def report(raw: int) -> int:
    call("report")
    return raw


ASSETS = [raw, clean, model, report]


def fail(assets, instance, *names, **given):
    """Run assets of which some are broken, and mend these."""
    broken.update(names)
    result = materialize(assets, instance=instance, raise_on_error=False, **given)
    assert not result.success
    calls.clear()
    broken.clear()
    return result.run_id


def performed(result):
    return [one.step for one in result.all_events if isinstance(one, StepStarted)]


@pytest.fixture(params=["memory", "disk"])
def instance(request, tmp_path):
    if request.param == "memory":
        yield Instance.ephemeral()
    else:
        with Instance.local(tmp_path) as held:
            yield held


def test_only_what_was_not_made_is_made(instance):
    first = fail(ASSETS, instance, "clean", tags={"team": "ml"})
    result = retry_run(ASSETS, instance, first)
    assert calls == ["clean", "model"]
    assert result.asset_value("model") == 20
    run = instance.get_run_by_id(result.run_id)
    assert run.tags == {
        "team": "ml",
        "mlorch/parent_run_id": first,
        "mlorch/root_run_id": first,
        "mlorch/retry_number": "1",
        "mlorch/is_resume_retry": "true",
    }
    assert {str(key) for key in run.asset_selection} == {"raw", "clean", "model", "report"}


def test_from_the_start_all_of_it_is_made(instance):
    first = fail(ASSETS, instance, "clean")
    retry_run(ASSETS, instance, first, from_failure=False)
    assert sorted(calls) == ["clean", "model", "raw", "report"]


def test_a_retry_of_a_retry_goes_on_where_both_failed(instance):
    first = fail(ASSETS, instance, "clean", "report")
    broken.add("model")
    second = retry_run(ASSETS, instance, first, raise_on_error=False)
    broken.clear()
    assert sorted(calls) == ["clean", "model", "report"]
    calls.clear()
    third = retry_run(ASSETS, instance, second.run_id[:12])
    assert calls == ["model"]
    group = group_of(instance, instance.get_run_by_id(first))
    assert {one.run_id for one in group.runs} == {first, second.run_id, third.run_id}
    tags = instance.get_run_by_id(third.run_id).tags
    assert (tags["mlorch/parent_run_id"], tags["mlorch/root_run_id"]) == (second.run_id, first)
    assert tags["mlorch/retry_number"] == "2"


def test_what_a_new_start_made_counts_and_what_was_before_it_does_not(instance):
    first = fail(ASSETS, instance, "model")
    broken.add("clean")
    second = retry_run(ASSETS, instance, first, from_failure=False, raise_on_error=False)
    broken.clear()
    calls.clear()
    retry_run(ASSETS, instance, second.run_id)
    assert calls == ["clean", "model"]


def test_a_run_that_succeeded_is_not_retried(instance):
    done = materialize(ASSETS, instance=instance).run_id
    with pytest.raises(UserError, match="succeeded: nothing is left to make; --from-start"):
        retry_run(ASSETS, instance, done)
    first = fail(ASSETS, instance, "clean")
    second = retry_run(ASSETS, instance, first).run_id
    with pytest.raises(UserError, match=f"was retried by run {second}, which succeeded"):
        retry_run(ASSETS, instance, first)


def test_a_run_that_goes_is_not_retried(tmp_path):
    with Instance.local(tmp_path) as instance:

        @asset
        def impatient(context) -> None:
            time.sleep(1)  # until the log has the beginning of the run
            retry_run([impatient], instance, context.run_id)

        with pytest.raises(UserError, match="still goes; wait for it, or end it with: mlorch runs cancel"):
            materialize([impatient], instance=instance)


def test_what_is_not_declared_any_more_is_named(instance):
    first = fail(ASSETS, instance, "clean")
    with pytest.raises(NotFoundError, match="was to make 'report', which no definition declares"):
        retry_run([raw, clean, model], instance, first)


def test_partitions_are_those_of_the_run(instance):
    days = StaticPartitionsDefinition(["a", "b", "c"])

    @asset(partitions_def=days)
    def daily(context: AssetExecutionContext) -> str:
        call(f"daily {context.partition_key}")
        return context.partition_key

    @asset(partitions_def=days)
    def after(daily: str) -> str:
        call(f"after {daily}")
        return daily

    broken.add("daily b")
    request = Request(partitions=Partitions(range=("a", "b")))
    first = run_request(Definitions([daily, after]), instance, request)
    assert not first.success
    calls.clear()
    broken.clear()
    retry_run([daily, after], instance, first.run_id)
    assert calls == ["daily b", "after b"]


def test_the_config_is_given_again_and_secrets_are_asked_for(instance):
    class Size(Config):
        size: int = 1
        url: str = ""

    @asset
    def sized(config: Size) -> int:
        call("sized")
        return config.size

    told = RunConfig(ops={"sized": Size(size=7)})
    first = fail([sized], instance, "sized", run_config=told)
    assert retry_run([sized], instance, first).asset_value("sized") == 7
    secret = RunConfig(ops={"sized": Size(size=8, url="postgresql://me:secret@host/db")})
    second = fail([sized], instance, "sized", run_config=secret)
    with pytest.raises(UserError, match="has secrets, which are not kept; give it again with --config"):
        retry_run([sized], instance, second)
    assert retry_run([sized], instance, second, run_config=secret).asset_value("sized") == 8


def test_ops_that_succeeded_give_what_they_gave(instance):
    @op(out=DynamicOut())
    def parts():
        call("parts")
        for name in "abc":
            yield DynamicOutput(name, mapping_key=name)

    @op
    def upper(part: str) -> str:
        call(f"upper {part}")
        return part.upper()

    @op
    def joined(several: list[str]) -> str:
        call("joined")
        return "".join(several)

    @job(tags={"kind": "words"})
    def words():
        joined(parts().map(upper).collect())

    broken.update({"upper b", "joined"})
    first = words.execute_in_process(instance=instance, raise_on_error=False)
    calls.clear()
    broken.discard("upper b")
    second = retry_run(words, instance, first.run_id, raise_on_error=False)
    assert calls == ["upper b", "joined"]
    broken.clear()
    third = retry_run(words, instance, second.run_id)
    assert performed(third) == ["joined"]
    assert third.output_for_node("joined") == "ABC"
    assert third.output_for_node("upper") == {"a": "A", "b": "B", "c": "C"}


def test_ops_of_a_graph_that_makes_an_asset_are_not_performed_again(instance):
    @op
    def fetch() -> int:
        call("fetch")
        return 1

    @op
    def refine(number: int) -> int:
        call("refine")
        return number + 1

    @graph_asset
    def refined():
        return refine(fetch())

    first = fail([refined], instance, "refine")
    result = retry_run([refined], instance, first)
    assert performed(result) == ["refined.refine"]
    assert result.asset_value("refined") == 2


def test_what_one_function_makes_is_made_together(instance):
    @multi_asset(outs={"left": AssetOut(), "right": AssetOut()})
    def both():
        call("left")
        yield Output(1, "left")
        call("right")
        yield Output(2, "right")

    @multi_asset(outs={"one": AssetOut(is_required=False), "two": AssetOut()}, can_subset=True)
    def apart(context):
        call("apart")
        yield Output(2, "two")

    first = fail([both, apart, raw], instance, "right")
    result = retry_run([both, apart, raw], instance, first)
    assert calls == ["left", "right"], "an output that stayed away is no failure"
    assert result.asset_value("right") == 2


def test_a_check_that_failed_runs_again_and_what_waits_for_it_waits(instance):
    @asset_check(asset=raw, blocking=True)
    def is_good(raw):
        call("check")
        return AssetCheckResult(passed="bad" not in broken)

    definitions = Definitions([raw, clean], asset_checks=[is_good])
    broken.add("bad")
    first = run_request(definitions, instance, Request())
    assert (first.success, calls) == (False, ["raw", "check"])
    calls.clear()
    second = retry_run(definitions, instance, first.run_id, raise_on_error=False)
    assert (second.success, calls) == (False, ["check"])
    calls.clear()
    broken.clear()
    assert retry_run(definitions, instance, first.run_id).success
    assert calls == ["check", "clean"]


def test_jobs_of_assets_keep_what_the_job_says(instance):
    definitions = Definitions(
        ASSETS, jobs=[define_asset_job("nightly", "raw+", tags={"mlorch/max_retries": "2"})]
    )
    broken.add("clean")
    first = definitions.resolve_job_def("nightly").execute_in_process(instance=instance, raise_on_error=False)
    found = next_retry(instance, first.run_id, 0)
    assert found is not None
    assert (found[0].run_id, found[1]) == (first.run_id, "FROM_FAILURE")
    second = retry_run(definitions, instance, first.run_id, raise_on_error=False)
    assert instance.get_run_by_id(second.run_id).job_name == "nightly"
    assert next_retry(instance, second.run_id, 0) is not None
    third = retry_run(definitions, instance, second.run_id, raise_on_error=False)
    assert next_retry(instance, third.run_id, 0) is None, "two were allowed"


def test_only_failures_are_retried_by_themselves(instance):
    done = materialize([raw], instance=instance, tags={"mlorch/max_retries": "3"})
    assert next_retry(instance, done.run_id, 5) is None
    assert next_retry(instance, "", 5) is None
    tags = {"dagster/max_retries": "1", "dagster/retry_strategy": "ALL_STEPS"}
    first = fail([raw], instance, "raw", tags=tags)
    found = next_retry(instance, first, 0)
    assert found is not None
    assert found[1] == "ALL_STEPS"
    plain = fail([raw], instance, "raw")
    assert next_retry(instance, plain, 0) is None
    assert next_retry(instance, plain, 1) is not None
    with pytest.raises(UserError, match="should be FROM_FAILURE or ALL_STEPS, not 'SOME'"):
        next_retry(instance, fail([raw], instance, "raw", tags={"mlorch/retry_strategy": "SOME"}), 1)
