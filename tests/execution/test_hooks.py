"""Hooks, called where the step ran once it is over."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import pytest

from mlorch import (
    Config,
    Definitions,
    DynamicOut,
    DynamicOutput,
    HookContext,
    Instance,
    ResourceDefinition,
    RetryPolicy,
    asset,
    build_hook_context,
    define_asset_job,
    failure_hook,
    graph_asset,
    job,
    materialize,
    op,
    success_hook,
)
from mlorch.app.materializing import Request, run_request
from mlorch.errors import InvalidDefinitionError, UserError


def listening():
    seen: list[tuple[str, Any, object]] = []

    @success_hook
    def succeeded(context: HookContext):
        seen.append((context.step_key, context.op_output_values, context.op_exception))

    @failure_hook
    def failed(context: HookContext):
        seen.append((context.step_key, context.op_output_values, repr(context.op_exception)))

    return seen, {succeeded, failed}


@op
def one():
    return 1


@op(retry_policy=RetryPolicy(2))
def broken(value):
    raise ValueError("no")


def test_hooks_of_a_job_are_called_for_each_step_after_its_last_attempt():
    seen, hooks = listening()

    @job(hooks=hooks)
    def both():
        broken(one())

    result = both.execute_in_process(raise_on_error=False)
    assert seen == [("one", {"result": 1}, None), ("broken", {}, "ValueError('no')")]
    assert result.retry_attempts_for_node("broken") == 2


def test_hooks_of_one_op_leave_the_others_alone():
    seen, hooks = listening()

    @job
    def two():
        one.with_hooks(hooks)()
        one.alias("other")()

    two.execute_in_process()
    assert [step for step, *_ in seen] == ["one"]


def test_hooks_of_assets_and_of_their_jobs():
    seen, hooks = listening()
    plain = asset(name="plain")(lambda: 2)
    own = asset(name="own", hooks=hooks)(lambda: 3)

    @graph_asset(hooks=hooks)
    def built():
        return one()

    assert materialize([plain, own, built]).success
    assert sorted(step for step, *_ in seen) == ["built.one", "own"]
    seen.clear()
    jobs = [define_asset_job("all", selection="plain", hooks=hooks)]
    Definitions([plain], jobs=jobs).resolve_job_def("all").execute_in_process()
    assert seen == [("plain", {"result": 2}, None)]


def test_a_hook_decorates_what_it_listens_to():
    seen, hooks = listening()
    (hook,) = (one for one in hooks if not one.on_failure)

    @hook
    @job
    def decorated():
        one()

    decorated.execute_in_process()
    materialize([hook(asset(name="mine")(lambda: 5))])
    assert [step for step, *_ in seen] == ["one", "mine"]


def test_dynamic_outputs_come_by_mapping_key():
    seen, hooks = listening()

    @op(out=DynamicOut())
    def many():
        yield DynamicOutput(1, "a")
        yield DynamicOutput(2, "b")

    @job(hooks=hooks)
    def dynamic():
        many()

    dynamic.execute_in_process()
    assert seen[0][1] == {"result": {"a": 1, "b": 2}}


class Rate(Config):
    rate: float = 0.5


def test_a_hook_knows_its_step_and_its_run():
    told: dict[str, object] = {}

    @success_hook(name="teller", required_resource_keys={"chat"})
    def tell(context):
        context.resources.chat.append(context.op.name)
        told.update(
            config=context.op_config,
            job=context.job_name,
            run=context.run_id,
            hook=context.hook_def.name,
            instance=context.instance,
        )
        context.log.info("told")

    @op
    def rated(config: Rate): ...

    chat: list[str] = []

    @job(hooks={tell}, resource_defs={"chat": ResourceDefinition.hardcoded_resource(chat)})
    def rating():
        rated()

    instance = Instance.ephemeral()
    result = rating.execute_in_process(instance=instance)
    assert chat == ["rated"]
    assert told == {
        "config": {"rate": 0.5},
        "job": "rating",
        "run": result.run_id,
        "hook": "teller",
        "instance": instance,
    }
    (output,) = (one for one in result.all_events if one.kind == "output_captured")
    assert [text for _, _, text in output.log] == ["told"]


def test_a_hook_that_raises_is_recorded_and_fails_nothing():
    @success_hook
    def wrong(context):
        raise RuntimeError("no chat")

    seen, hooks = listening()
    result = materialize([asset(name="fine", hooks={wrong, *hooks})(lambda: 1)])
    assert result.success
    (fact,) = (one for one in result.all_events if one.kind == "hook_errored")
    assert (fact.step, fact.hook, fact.error["type"], fact.error["message"]) == (
        "fine",
        "wrong",
        "RuntimeError",
        "no chat",
    )
    assert 'raise RuntimeError("no chat")' in fact.error["traceback"]
    assert len(seen) == 1


FAR = """
import os

from mlorch import asset, failure_hook, success_hook


def note(context):
    (context.instance.place[2] / context.step_key).write_text(f"{os.getpid()} {context.run_id}")


hooks = {success_hook(name="succeeded")(note), failure_hook(name="failed")(note)}


@asset(hooks=hooks)
def fine():
    return 1


@asset(hooks=hooks)
def dying():
    os._exit(3)
"""


@pytest.mark.parametrize(("name", "is_here"), [("fine", False), ("dying", True)])
def test_hooks_run_in_the_worker_or_here_where_it_died(tmp_path, monkeypatch, name, is_here):
    module = f"far_{tmp_path.name}"
    (tmp_path / f"{module}.py").write_text(FAR)
    monkeypatch.syspath_prepend(str(tmp_path))
    made = getattr(import_module(module), name)
    with Instance.local(tmp_path) as instance:
        result = run_request(Definitions([made]), instance, Request(executor="processes", workers=1))
    pid, run_id = (tmp_path / name).read_text().split()
    assert (int(pid) == os.getpid(), run_id) == (is_here, result.run_id)


def test_resources_of_hooks_have_to_be_there():
    @failure_hook(required_resource_keys={"chat"})
    def tell(context): ...

    made = asset(name="made", hooks={tell})(lambda: 1)
    with pytest.raises(InvalidDefinitionError, match=r"hook 'tell'.*'chat'"):
        Definitions([made]).job("any")
    with pytest.raises(InvalidDefinitionError, match=r"hook 'tell'.*'chat'"):
        Definitions([asset(name="other")(lambda: 1)], jobs=[define_asset_job("all", hooks={tell})]).job("all")


def test_a_hook_is_tested_by_calling_it():
    sent: list[str] = []

    @failure_hook(required_resource_keys={"chat"})
    def tell(context):
        context.resources.chat.append(f"{context.op.name}: {context.op_exception}")

    tell(build_hook_context(resources={"chat": sent}, op=one, op_exception=ValueError("no")))
    assert sent == ["one: no"]
    with pytest.raises(UserError, match="'chat'"):
        tell(build_hook_context(op=one))
