from __future__ import annotations

import stat
import tomllib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlorch import scaffold
from mlorch.errors import StorageError, UserError
from mlorch.scaffold import Question, Template

QUESTIONS = """
description = "For tests"
version = "7"
[[questions]]
name = "project"
prompt = "Project"
default = "{{ folder }}"
kind = "distribution"
[[questions]]
name = "package"
prompt = "Package"
default = "{{ project | identifier }}"
kind = "package"
[[questions]]
name = "description"
prompt = "Description"
default = "It's about {{ project }}"
"""
ANSWERS = {"project": "Churn-1", "package": "churn", "description": 'Say "hi" \\ `bye`'}
FILES: dict[str, bytes] = {
    "pyproject.toml.jinja": b"name = {{ project | toml }}\nsays = {{ description | toml }}\n",
    "src/{{ package }}/model.py": b"braces = '{{ not rendered }}'\n",
    "sample/data.bin": bytes(range(256)),
    ".gitignore.jinja": b"/data/\n",
}

MakeTemplate = Callable[[dict[str, bytes]], Template]


@pytest.fixture
def make_template(tmp_path: Path) -> MakeTemplate:
    def make(files: dict[str, bytes]) -> Template:
        folder = tmp_path / "templates" / "tiny"
        for name, content in files.items():
            path = folder / "project" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (folder / "template.toml").write_text(QUESTIONS)
        return scaffold.find_templates(folder.parent)["tiny"]

    return make


def take_default(question: Question, default: str) -> str:
    return default


def left_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.name != "templates")


# What ships


def test_mlorch_ships_the_default_template() -> None:
    assert scaffold.find_template(scaffold.DEFAULT).name in scaffold.find_templates()


def test_an_unknown_template_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match=r"'batch-retrainin'; did you mean 'batch-retraining'\?"):
        scaffold.find_template("batch-retrainin")


# Questions


def test_defaults_follow_from_the_folder_and_from_each_other(make_template: MakeTemplate) -> None:
    answers = scaffold.collect(make_template(FILES), "Late-Flights", take_default)
    assert answers == {
        "project": "Late-Flights",
        "package": "late_flights",
        "description": "It's about Late-Flights",
    }


def test_an_answer_moves_the_defaults_after_it(make_template: MakeTemplate) -> None:
    def ask(question: Question, default: str) -> str:
        return "other.name" if question.name == "project" else default

    assert scaffold.collect(make_template(FILES), "folder", ask)["package"] == "other_name"


@pytest.mark.parametrize(
    ("name", "answer", "wanted"),
    [
        ("project", "two words", "letters, digits"),
        ("project", "-x", "letters, digits"),
        ("project", "../x", "letters, digits"),
        ("package", "../../x", "a Python name in lower case"),
        ("package", "class", "a Python name in lower case"),
        ("package", "Churn", "a Python name in lower case"),
        ("package", "", "a Python name in lower case"),
        ("package", "json", "a name that no installed package has"),
        ("package", "pandas", "a name that no installed package has"),
        ("package", "mlorch", "a name that no installed package has"),
        ("description", "two\nlines", "one line of text"),
        ("description", " ", "one line of text"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(
    make_template: MakeTemplate, name: str, answer: str, wanted: str
) -> None:
    def ask(question: Question, default: str) -> str:
        return answer if question.name == name else default

    with pytest.raises(UserError, match=wanted):
        scaffold.collect(make_template(FILES), "churn", ask)


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True))
@example("2013-flights")
def test_every_project_name_has_a_package_name(name: str) -> None:
    question = Question("package", "Package", "{{ folder | identifier }}")
    template = Template("t", "1", "", (question,), Path())
    assert scaffold.collect(template, name, take_default)["package"].isidentifier()


# Rendering


def test_only_files_that_ask_for_it_are_rendered(make_template: MakeTemplate) -> None:
    rendered = scaffold.render(make_template(FILES), ANSWERS)
    assert set(map(str, rendered)) == {
        ".gitignore",
        ".mlorch-template.toml",
        "pyproject.toml",
        "sample/data.bin",
        "src/churn/model.py",
    }
    assert rendered[PurePosixPath("src/churn/model.py")] == FILES["src/{{ package }}/model.py"]
    assert rendered[PurePosixPath("sample/data.bin")] == FILES["sample/data.bin"]


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example("\x7f")
def test_the_record_keeps_any_answer(text: str) -> None:
    with TemporaryDirectory() as nothing:
        rendered = scaffold.render(Template("t", "1", "", (), Path(nothing)), {"description": text})
    record = tomllib.loads(rendered[PurePosixPath(scaffold.RECORD)].decode())
    assert record["answers"] == {"description": text}


def test_the_project_records_its_origin(make_template: MakeTemplate) -> None:
    rendered = scaffold.render(make_template(FILES), ANSWERS)
    record = tomllib.loads(rendered[PurePosixPath(scaffold.RECORD)].decode())
    assert record["template"].keys() == {"name", "version", "mlorch"}
    assert (record["template"]["name"], record["template"]["version"]) == ("tiny", "7")
    assert record["answers"] == ANSWERS


def test_bytecode_that_pip_left_in_a_template_is_not_rendered(make_template: MakeTemplate) -> None:
    template = make_template({**FILES, "src/{{ package }}/__pycache__/model.cpython-311.pyc": b"\0"})
    assert not [path for path in scaffold.render(template, ANSWERS) if "__pycache__" in path.parts]


@pytest.mark.parametrize("hostile", ["..", ".", "", "a/../../b"])
def test_no_answer_leads_out_of_the_project(make_template: MakeTemplate, hostile: str) -> None:
    with pytest.raises(UserError, match="no path inside"):
        scaffold.render(make_template(FILES), {**ANSWERS, "package": hostile})


# Putting it in place


@pytest.mark.parametrize("there_before", [False, True], ids=["new folder", "empty folder"])
def test_the_project_is_put_in_place(make_template: MakeTemplate, tmp_path: Path, there_before: bool) -> None:
    target = tmp_path / "deep" / "project"
    if there_before:
        target.mkdir(parents=True)
    project = scaffold.render(make_template(FILES), ANSWERS)
    scaffold.create(target, project)
    found = {path.relative_to(target): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert found == {Path(path): content for path, content in project.items()}
    assert left_in(target.parent) == ["project"]
    assert tomllib.loads((target / "pyproject.toml").read_text())["says"] == ANSWERS["description"]


def test_a_new_folder_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.mkdir()
    scaffold.create(tmp_path / "project", {PurePosixPath("file"): b""})
    assert stat.S_IMODE((tmp_path / "project").stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(UserError, match="is not empty"):
        scaffold.create(tmp_path, {PurePosixPath("mine"): b"lost"})
    assert (tmp_path / "mine").read_text() == "kept"


def test_a_file_is_no_place_for_a_project(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file"):
        scaffold.create(tmp_path / "file", {})


def test_an_error_while_writing_leaves_nothing(tmp_path: Path) -> None:
    clash = {PurePosixPath("a"): b"", PurePosixPath("a/b"): b""}
    with pytest.raises(StorageError, match="nothing was left there"):
        scaffold.create(tmp_path / "project", clash)
    assert left_in(tmp_path) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file/project can't be written"):
        scaffold.create(tmp_path / "file" / "project", {PurePosixPath("file"): b""})
