"""mlorch observe and mlorch assets report: what is made elsewhere."""

from __future__ import annotations

import json

import pytest

OUTSIDE = """\
from mlorch import (
    AssetSpec, DataVersion, DataVersionsByPartition, Definitions, StaticPartitionsDefinition, asset,
    observable_source_asset,
)
from pathlib import Path

SOME = StaticPartitionsDefinition(["a", "b"])


@observable_source_asset
def raw():
    return DataVersion(Path(__file__).with_name("version.txt").read_text())


@observable_source_asset(partitions_def=SOME)
def parts():
    return DataVersionsByPartition({"a": "1", "b": "2"})


@asset(deps=[raw, "elsewhere"], code_version="1")
def below() -> int:
    return 1


days = AssetSpec("days", partitions_def=SOME)
defs = Definitions([raw, parts, below, days])
"""


@pytest.fixture
def outside(project):
    (project.folder / "shop.py").write_text(OUTSIDE)
    (project.folder / "version.txt").write_text("1")
    return project


def observed(project, *words):
    answer = project("observe", *words)
    assert answer.code == 0, answer.err
    return answer


def test_what_is_seen_to_have_changed_makes_what_is_below_stale(outside):
    observed(outside, "raw")
    assert "1 made" in outside("materialize", "below", "--stale").err
    observed(outside, "raw")
    assert "nothing is stale" in outside("materialize", "below", "--stale").err
    (outside.folder / "version.txt").write_text("2")
    observed(outside)
    assert "1 made" in outside("materialize", "below", "--stale").err


def test_the_versions_of_partitions_are_seen_together(outside):
    assert json.loads(observed(outside, "parts", "--json").out)["success"] is True


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["below"], "no selected asset can be observed; declare it with @observable_source_asset"),
        (["rw"], "there is no asset 'rw'; did you mean 'raw'"),
    ],
)
def test_what_can_not_be_observed_is_refused(outside, words, said):
    answer = outside("observe", *words)
    assert answer.code == 2
    assert said in answer.err


def test_a_failed_look_is_a_failed_run(outside):
    (outside.folder / "version.txt").unlink()
    answer = outside("observe", "raw")
    assert answer.code == 1
    assert "FileNotFoundError" in answer.err


def test_what_was_made_elsewhere_is_reported_and_shown(outside):
    words = ["--metadata", "rows=3", "--metadata", "by=night job", "--data-version", "7"]
    answer = outside("assets", "report", "elsewhere", *words)
    assert answer.out == "recorded: elsewhere was made\n"
    shown = json.loads(outside("assets", "show", "elsewhere", "--json").out)
    assert shown["versions"][0]["data_version"] == "7"
    assert shown["versions"][0]["metadata"] == {"rows": 3, "by": "night job"}


def test_a_report_makes_what_is_below_stale(outside):
    outside("materialize", "below")
    outside("assets", "report", "elsewhere")
    assert "1 made" in outside("materialize", "below", "--stale").err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["elsewher"], "there is no asset 'elsewher'; did you mean 'elsewhere'"),
        (["days"], "'days' is partitioned; say which partition was made"),
        (["days", "--partition", "c"], "'c'"),
        (["below", "--partition", "a"], "'below' has no partitions"),
        (["below", "--metadata", "rows"], "--metadata 'rows' should be NAME=VALUE"),
    ],
)
def test_a_report_of_what_is_not_there_is_refused(outside, words, said):
    answer = outside("assets", "report", *words)
    assert answer.code == 2
    assert said in answer.err


def test_the_list_of_assets_says_how_each_is_made(outside):
    found = {one["asset"]: one for one in json.loads(outside("assets", "list", "--json").out)}
    assert found["raw"]["external"] is True
    assert found["days"]["partitions"]
    assert found["below"]["deps"] == ["raw", "elsewhere"]
