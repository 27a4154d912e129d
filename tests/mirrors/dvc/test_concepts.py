"""Real runs of what makes several values, by the installed DVC."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import mlorch as ml
from mlorch.instance import Instance
from mlorch.mirrors.dvc import DvcMirror, init_dvc
from mlorch.settings import read_settings
from tests.mirrors.dvc.test_conformance import dvc, status

pytestmark = pytest.mark.usefixtures("private_dvc")

DAYS = ml.StaticPartitionsDefinition(["d1", "d2"])
CELLS = ml.MultiPartitionsDefinition({"day": DAYS, "region": ml.StaticPartitionsDefinition(["eu", "us"])})


@ml.multi_asset(
    outs={"train": ml.AssetOut(code_version="1"), "test": ml.AssetOut(code_version="2")},
    partitions_def=DAYS,
)
def split() -> tuple[int, str]:
    return 1, "x"


@ml.multi_asset(outs={"good": ml.AssetOut(is_required=False), "bad": ml.AssetOut(is_required=False)})
def sort_out() -> Iterator[ml.Output[int]]:
    yield ml.Output(1, "good")


@ml.op
def read() -> list[int]:
    return [3, 1, 2]


@ml.op
def head(rows: list[int], good: int) -> list[int]:
    return rows[:good]


@ml.graph_asset
def top(good: int):
    return head(read(), good)


@ml.asset(partitions_def=CELLS)
def cells() -> int:
    return 1


@ml.asset(io_manager_key="csv")
def table(top: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"x": top})


@ml.asset
def letter() -> None: ...


@ml.asset(deps=["letter"])
def answer(table: pd.DataFrame) -> int:
    return len(table)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n[tool.mlorch]\n')
    init_dvc(tmp_path)
    return tmp_path


def test_dvc_takes_the_stages_of_every_concept_for_its_own(project: Path) -> None:
    assets = [split, sort_out, top, cells, table, letter, answer]
    definitions = ml.Definitions(assets, resources={"csv": ml.CSVIOManager()})
    with Instance.of(read_settings(project)) as instance:
        whole = ["letter", "good", "bad", "top", "table", "answer"]
        ml.materialize(assets, selection=whole, resources=definitions.resources, instance=instance)
        ml.backfill(definitions, selection=["train", "test"], all_partitions=True, instance=instance)
        ml.backfill(definitions, selection="cells", all_partitions=True, instance=instance)
        instance.report_runless_asset_event(ml.AssetMaterialization("elsewhere"))
        report = DvcMirror(project, instance.log).flush()
    assert report.state == "written", report
    assert status(project) == {}
    lock = (project / "dvc.lock").read_text()
    dvc(project, "commit", "--force")
    assert (project / "dvc.lock").read_text() == lock
    assert dvc(project, "repro").count("didn't change") == 6
    pipeline = (project / "dvc.yaml").read_text()
    assert "cmd: mlorch materialize train test --all-partitions --stale" in pipeline
    assert "cmd: mlorch materialize good bad\n" in pipeline
    assert "letter" not in pipeline
    assert (project / "data" / "cells" / "d1%7Ceu.json").exists()
    edges = dvc(project, "dag", "--dot")
    assert '"sort_out" -> "top"' in edges
    assert '"top" -> "table"' in edges
