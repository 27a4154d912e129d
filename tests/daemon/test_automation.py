"""Automation conditions in the daemon: what they ask for is made, in order and once."""

from __future__ import annotations

from collections import Counter

from mlorch import AssetMaterialization
from mlorch.events import AssetMaterialized, RunStarted, TickEvaluated
from mlorch.instance import Instance
from tests.daemon.conftest import MakeProject
from tests.daemon.project import Project

EAGER = """
    import mlorch as ml

    eager = ml.AutomationCondition.eager()
    parts = ml.StaticPartitionsDefinition(["a", "b"])
    raw = ml.AssetSpec("raw")

    @ml.asset(partitions_def=parts, automation_condition=eager, deps=[raw])
    def features() -> int:
        return 1

    @ml.asset(automation_condition=eager)
    def model(features: dict[str, int]) -> int:
        return sum(features.values())

    sensor = ml.AutomationConditionSensorDefinition(
        "auto", target="*", minimum_interval_seconds=1, default_status="RUNNING"
    )
    defs = ml.Definitions([raw, features, model], sensors=[sensor])
"""


def made(project: Project) -> Counter[str]:
    facts = project.facts(AssetMaterialized.kind)
    return Counter(one.asset for one in facts if isinstance(one, AssetMaterialized))


def raw_comes(project: Project, version: str) -> None:
    with Instance.of(project.settings) as instance:
        tags = {"dagster/data_version": version}
        instance.report_runless_asset_event(AssetMaterialization("raw", tags=tags))


def test_what_changes_is_followed_through_partitions_to_the_model(make_project: MakeProject):
    project = make_project(EAGER)
    raw_comes(project, "1")
    project.start()
    project.wait(lambda: made(project) == {"raw": 1, "features": 2, "model": 1} and project.is_quiet())
    raw_comes(project, "1")
    raw_comes(project, "2")
    project.wait(lambda: made(project) == {"raw": 3, "features": 4, "model": 2} and project.is_quiet())
    raw_comes(project, "2")
    ticks = len(project.facts(TickEvaluated.kind))
    project.wait(lambda: len(project.facts(TickEvaluated.kind)) >= ticks + 3)
    assert made(project) == {"raw": 4, "features": 4, "model": 2}
    runs = [one for one in project.facts(RunStarted.kind) if isinstance(one, RunStarted)]
    whys = [one.tags["mlorch/why"] for one in runs if "model" in one.targets]
    assert whys[1] == "model: eager, as any_deps_updated (features)"
