"""mlorch status, runs, assets, lineage, load: what is said about what was made."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def made(project):
    assert project("materialize", "numbers", "total").code == 0
    assert project("materialize", "daily", "--partition", "2024-01-02").code == 0
    return project


def test_status_shows_every_asset_with_counts_and_causes(made):
    made.edit("shop.py", 'code_version="1", group_name="raw"', 'code_version="2", group_name="raw"')
    lines = {line.split()[0]: line for line in made("status").out.splitlines()}
    assert "STALE" in lines["numbers"]
    assert "has a new code version" in lines["numbers"]
    assert "upstream stale: numbers" in lines["total"]
    assert "1 fresh, 2 missing" in lines["daily"]
    assert "MISSING" in lines["month"]


def test_status_as_json_names_each_cause(made):
    made.edit("shop.py", "rate: float = 0.5", "rate: float = 0.7")
    found = {one["asset"]: one for one in json.loads(made("status", "--json").out)}
    assert found["total"]["causes"] == [
        {"partition": None, "category": "CONFIG", "reason": "has a new default config", "upstream": None}
    ]
    assert found["daily"]["counts"]["MISSING"] == 2


def test_why_names_the_root_cause(made):
    made.edit("shop.py", 'code_version="1", group_name="raw"', 'code_version="2", group_name="raw"')
    made("materialize", "numbers")
    out = made("status", "--why", "total").out
    assert "has a new dependency data version: numbers" in out
    assert "root cause   numbers has a new code version" in out


def test_runs_are_listed_shown_and_their_logs_kept(made):
    listed = json.loads(made("runs", "list", "--json").out)
    assert [one["status"] for one in listed] == ["SUCCESS", "SUCCESS"]
    first = listed[1]["run_id"]
    assert "made     total" in made("runs", "show", first[:8]).out
    logs = made("runs", "logs", first[:8]).out
    assert "counting" in logs
    assert "adding 3" in logs
    assert "counting" not in made("runs", "logs", first[:8], "--step", "total").out
    assert made("runs", "show", "zzz").code == 2
    assert "numbers, total" in made("runs", "logs", first[:8], "--step", "x").err


def test_assets_are_listed_and_shown_with_their_versions(made):
    out = made("assets", "list").out
    assert "numbers" in out
    assert "raw" in out
    shown = json.loads(made("assets", "show", "daily", "--json").out)
    assert [one["partition"] for one in shown["versions"]] == ["2024-01-02"]
    assert "did you mean 'daily'" in made("assets", "show", "dayli").err


def test_lineage_is_a_tree_with_versions(made):
    lines = made("lineage", "total").out.splitlines()
    assert lines[0].startswith("total  @")
    assert lines[1].startswith("   numbers  @")


def test_load_shows_copies_and_finds_old_versions(made):
    old = json.loads(made("load", "numbers", "--json").out)["data_version"]
    made.edit("shop.py", "return [1, 2, 3]", "return [4]")
    made.edit("shop.py", 'code_version="1", group_name="raw"', 'code_version="2", group_name="raw"')
    made("materialize", "numbers")
    assert json.loads(made("load", "numbers").out.split("\n", 1)[1]) == [4]
    assert json.loads(made("load", "numbers", "--data-version", old[:8]).out.split("\n", 1)[1]) == [1, 2, 3]
    assert made("load", "numbers", "--data-version", old, "-o", "copy.json").code == 0
    assert json.loads((made.folder / "copy.json").read_text()) == [1, 2, 3]
    assert "give another name or --force" in made("load", "numbers", "-o", "copy.json").err
    assert "never materialized" in made("load", "month").err
    assert "say which partition" in made("load", "daily").err


def test_restore_puts_an_old_version_back(made):
    old = json.loads(made("load", "numbers", "--json").out)["data_version"]
    made.edit("shop.py", "return [1, 2, 3]", "return [4]")
    made.edit("shop.py", 'code_version="1", group_name="raw"', 'code_version="2", group_name="raw"')
    made("materialize", "numbers")
    assert made("restore", "numbers", "--data-version", old).code == 0
    assert json.loads((made.folder / "data/numbers.json").read_text()) == [1, 2, 3]


def test_version_and_help_say_what_there_is(project):
    assert json.loads(project("version", "--json").out)["mlorch"]
    out = project("--help").out
    for name in ("new", "init", "materialize", "status", "runs", "assets", "load", "lineage", "ui", "mirror"):
        assert f"  {name} " in out
    assert "2 something to put right" in out


def test_an_unknown_command_is_the_users_mistake(project):
    assert project("materialise").code == 2


def test_a_damaged_database_is_named_and_left_as_it_is(project):
    (project.folder / ".mlorch").mkdir()
    file = project.folder / ".mlorch/mlorch.db"
    file.write_bytes(b"no database at all, but long enough to be taken for one" * 100)
    before = file.read_bytes()
    answer = project("status")
    assert answer.code == 2
    assert "mlorch.db" in answer.err
    assert file.read_bytes() == before
