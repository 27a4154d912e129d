"""mlorch materialize: what is made, what is refused, what is printed."""

from __future__ import annotations

import json

import pytest


def test_a_selection_is_made_and_each_step_is_told(project):
    answer = project("materialize", "numbers", "total")
    assert answer.code == 0
    assert "made     numbers" in answer.err
    assert "log      total  INFO: adding 3" in answer.err
    assert "2 made" in answer.err
    assert json.loads((project.folder / "data/total.json").read_text()) == 3.0


def test_a_second_run_of_what_is_stale_does_nothing(project):
    project("materialize", "numbers", "total")
    answer = project("materialize", "numbers", "total", "--stale")
    assert answer.code == 0
    assert "nothing is stale: 2 fresh" in answer.err


def test_changed_code_is_made_again_with_what_depends_on_it(project):
    project("materialize", "numbers", "total")
    project.edit("shop.py", 'code_version="1", group_name="raw"', 'code_version="2", group_name="raw"')
    answer = project("materialize", "numbers", "total", "--stale", "--json")
    assert [one["step"] for one in json.loads(answer.out)["materializations"]] == ["numbers", "total"]


def test_json_is_all_that_standard_output_has(project):
    answer = project("materialize", "numbers", "--json")
    found = json.loads(answer.out)
    assert found["success"] is True
    assert found["materializations"][0]["asset"] == "numbers"
    assert "counting" in answer.err


def test_a_dry_run_prints_the_plan_and_changes_nothing(project):
    answer = project("materialize", "daily", "--all-partitions", "--dry-run")
    assert answer.code == 0
    assert "3 to do, 0 fresh; nothing was run" in answer.out
    assert "2024-01-02" in answer.out
    assert not (project.folder / "data").exists()
    found = json.loads(project("materialize", "+total", "--dry-run", "--json").out)
    assert [step["asset"] for step in found["steps"]] == ["numbers", "total"]


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (["--partition", "2024-01-02"], ["2024-01-02"]),
        (["--partition-range", "2024-01-02...2024-01-03"], ["2024-01-02", "2024-01-03"]),
        (["--all-partitions"], ["2024-01-01", "2024-01-02", "2024-01-03"]),
    ],
)
def test_partitions_are_named_one_by_one_by_range_or_all(project, words, made):
    assert project("materialize", "daily", *words).code == 0
    assert sorted(path.stem for path in (project.folder / "data/daily").iterdir()) == made


def test_config_comes_from_a_file_and_a_job_has_a_selection(project):
    project.write("run.yaml", "ops: {total: {config: {rate: 2}}}")
    answer = project("materialize", "--job", "adding", "--config", "run.yaml", "--tag", "why=test", "--json")
    assert [one["config"] for one in json.loads(answer.out)["materializations"]] == [None, {"rate": 2.0}]
    shown = json.loads(project("runs", "show", "last", "--json").out)
    assert (shown["job"], shown["tags"]) == ("adding", {"why": "test"})


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_other_executors_make_the_same(project, executor):
    answer = project("materialize", "numbers", "total", "--executor", executor, "--workers", "2")
    assert answer.code == 0, answer.err
    assert json.loads((project.folder / "data/total.json").read_text()) == 3.0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nubmers"], "did you mean 'numbers'"),
        (["numbers and"], "^"),
        (["daily", "--partition", "2024-02-30"], "2024-01-01"),
        (["daily", "--partition", "../../x"], "'daily'"),
        (["numbers", "--partition", "2024-01-01"], "no selected asset is partitioned"),
        (["daily", "--partition-range", "2024-01-03...2024-01-01"], "backwards"),
        (["daily", "--partition-range", "2024-01-03"], "should be FIRST...LAST"),
        (["daily"], "--all-partitions"),
        (["daily", "--partition", "2024-01-01", "--all-partitions"], "not several"),
        (["total", "--config", "missing.yaml"], "missing.yaml can't be read"),
        (["total", "--config", "wrong.yaml"], "did you mean 'rate'"),
        (["numbers", "--executor", "thread"], "did you mean 'threads'"),
        (["--job", "ading"], "did you mean 'adding'"),
        (["month"], "materialize 'daily' first"),
        (["numbers", "--tag", "x"], "should be KEY=VALUE"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_the_users_mistakes_end_with_2_and_one_message_and_change_nothing(project, words, message):
    project.write("wrong.yaml", "ops: {total: {config: {rat: 2}}}")
    answer = project("materialize", *words)
    assert answer.code == 2
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert project("runs", "list", "--json").out.strip() == "[]"


def test_a_failed_step_ends_with_1_and_the_users_own_lines(project):
    project.edit("shop.py", "return sum(numbers) * config.rate", "return numbers['x']")
    answer = project("materialize", "numbers", "total")
    assert answer.code == 1
    assert "total failed:" in answer.err
    assert "return numbers['x']" in answer.err
    assert "mlorch/execution" not in answer.err
    assert "1 made, 1 failed" in answer.err


def test_a_value_of_the_wrong_type_ends_with_2(project):
    project.edit("shop.py", "return [1, 2, 3]", "return 'many'")
    answer = project("materialize", "numbers")
    assert answer.code == 2
    assert "asset 'numbers' returned str where its annotation says list[int]" in answer.err


def test_a_file_that_was_edited_by_hand_is_refused_with_the_cure(project):
    project("materialize", "numbers")
    file = project.folder / "data/numbers.json"
    file.chmod(0o644)
    file.write_text("[9, 9, 9]")
    answer = project("materialize", "total")
    assert answer.code == 2
    assert "data/numbers.json" in answer.err
    assert "mlorch restore numbers" in answer.err
    assert project("restore", "numbers").code == 0
    assert project("materialize", "total").code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nothing_like_it", "shop.py:1: ModuleNotFoundError"),
        ("x = (", "shop.py:1: SyntaxError"),
        ("x = 1", "declares nothing"),
        (
            """
from mlorch import Definitions, asset
@asset
def a(b): ...
@asset
def b(a): ...
defs = Definitions([a, b])
""",
            "depend on each other",
        ),
    ],
    ids=["import", "syntax", "empty", "cycle"],
)
def test_definitions_that_do_not_load_are_the_users_mistake(project, text, message):
    project.write("shop.py", text)
    answer = project("materialize")
    assert answer.code == 2
    assert message in answer.err
    assert "Traceback" not in answer.err


def test_outside_of_a_project_it_says_how_to_begin(project):
    (project.folder / "pyproject.toml").unlink()
    answer = project("materialize")
    assert answer.code == 2
    assert "mlorch init" in answer.err
