"""Running a job by its name: what the request says goes before what the job says."""

from __future__ import annotations

import pytest

from mlorch import (
    AssetExecutionContext,
    Config,
    Definitions,
    Instance,
    RetryPolicy,
    StaticPartitionsDefinition,
    asset,
    define_asset_job,
    job,
    op,
    static_partitioned_config,
    success_hook,
)
from mlorch.app.launching import launch, of_job
from mlorch.app.materializing import Request
from mlorch.app.targets import Partitions
from mlorch.errors import InvalidConfigError, UserError

LETTERS = StaticPartitionsDefinition(["a", "b"])


class Size(Config):
    size: int = 1


@asset
def sized(config: Size) -> int:
    return config.size


@asset
def other() -> int:
    return 0


@asset(partitions_def=LETTERS)
def letters(context: AssetExecutionContext) -> str:
    return context.partition_key


@op
def one(config: Size) -> int:
    return config.size


@static_partitioned_config(["a", "b"], tags_for_partition_key_fn=lambda key: {"letter": key})
def by_letter(key):
    return {"ops": {"sized": {"config": {"size": ord(key)}}}}


@success_hook
def noted(context): ...


@job(config={"ops": {"one": {"config": {"size": 3}}}})
def of_ops():
    one()


def test_a_job_of_assets_makes_its_selection_with_its_config_and_tags():
    nightly = define_asset_job(
        "nightly",
        "sized",
        config={"ops": {"sized": {"config": {"size": 5}}}},
        tags={"team": "ml", "x": "job"},
    )
    definitions, instance = Definitions([sized, other], jobs=[nightly]), Instance.ephemeral()
    result = launch(definitions, instance, nightly, Request(tags={"x": "mine"}))
    assert [one.asset for one in result.materializations] == ["sized"]
    assert result.asset_value("sized") == 5
    (run,) = instance.get_runs()
    assert (run.job_name, dict(run.tags)) == ("nightly", {"team": "ml", "x": "mine"})


def test_a_config_that_is_given_replaces_that_of_the_job():
    given = {"ops": {"one": {"config": {"size": 9}}}}
    definitions = Definitions(jobs=[of_ops])
    assert launch(definitions, Instance.ephemeral(), of_ops).output_for_node("one") == 3
    asked = Request(run_config=given)
    assert launch(definitions, Instance.ephemeral(), of_ops, asked).output_for_node("one") == 9


def test_a_partition_of_a_job_has_its_config_and_tags():
    each = define_asset_job("each", "sized", config=by_letter)
    asked = of_job(each, Request(partitions=Partitions(key="b")))
    assert asked.tags == {"letter": "b"}
    assert asked.run_config == {"ops": {"sized": {"config": {"size": ord("b")}}}}
    with pytest.raises(UserError, match="one for each partition"):
        of_job(each, Request())


def test_a_partition_may_choose_the_config_alone():
    each = define_asset_job("each", "sized", config=by_letter)
    definitions = Definitions([sized, letters], jobs=[each])
    result = launch(definitions, Instance.ephemeral(), each, Request(partitions=Partitions(key="b")))
    assert result.asset_value("sized") == ord("b")


def test_a_job_of_assets_says_how_its_steps_are_tried_again_and_watched():
    policy = RetryPolicy(max_retries=2)
    found = of_job(define_asset_job("a", op_retry_policy=policy, hooks={noted}), Request())
    assert (found.op_retry_policy, found.hooks) == (policy, frozenset({noted}))
    mine = RetryPolicy(max_retries=5)
    assert (
        of_job(define_asset_job("a", op_retry_policy=policy), Request(op_retry_policy=mine)).op_retry_policy
        is mine
    )


def test_a_job_of_ops_runs_for_one_partition_at_a_time():
    for partitions in (Partitions(all=True), Partitions(range=("a", "b"))):
        with pytest.raises(UserError, match="one partition at a time"):
            launch(Definitions(jobs=[of_ops]), Instance.ephemeral(), of_ops, Request(partitions=partitions))


def test_what_does_not_fit_is_told_before_anything_runs():
    instance = Instance.ephemeral()
    asked = Request(run_config={"ops": {"one": {"config": {"sise": 9}}}})
    with pytest.raises(InvalidConfigError, match="'sise'"):
        launch(Definitions(jobs=[of_ops]), instance, of_ops, asked)
    assert instance.log.read() == []
