"""What the reference and the README say is run: their Python and their commands, from top to end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import blocks, commands, first_missing

HOUSE = Path(__file__).parents[2]
REFERENCE = HOUSE / "docs" / "reference"
PAGES = [HOUSE / "README.md", *sorted(REFERENCE.rglob("*.md"))]

_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)")
# What joblib finds out about the machine (a container without /sys) says nothing about the page.
_WARNINGS = ["-W", "error", "-W", "ignore:Could not find the number of physical cores:UserWarning"]


def shown(page: Path) -> str:
    return page.relative_to(HOUSE).as_posix()


def read(page: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """The page is run in a process and a folder of its own, with warnings as errors."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MLORCH_", "MLFLOW_"))
    }
    environment |= {"PYTHONPATH": str(HOUSE), "COLUMNS": "160", "NO_COLOR": "1"}
    program = [sys.executable, *_WARNINGS, "-m", "tests.docs.pages", str(page)]
    return subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_what_a_page_says_holds(page: Path, tmp_path: Path) -> None:
    done = read(page, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_has_an_example_and_the_index_names_it() -> None:
    index = (REFERENCE / "index.md").read_text(encoding="utf-8")
    pages = [page for page in REFERENCE.rglob("*.md") if page.name != "index.md"]
    assert pages
    assert [shown(page) for page in pages if not blocks(page.read_text(encoding="utf-8"))] == []
    assert [shown(page) for page in pages if f"({page.relative_to(REFERENCE).as_posix()})" not in index] == []


# The reader of pages itself: each of these would hide a page that is wrong


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("```python\nassert 1 == 2\n```\n", "AssertionError"),
        ("```python\nx = 1\n```\nand\n```python\nassert x == 2\n```\n", "line 6"),
        ("```python no-run\ndef\n```\n", "SyntaxError"),
        ("```python\nimport warnings\nwarnings.warn('old', DeprecationWarning)\n```\n", "old"),
        ("```console\n$ mlorch nonsense\n```\n", "ended with 2, not 0"),
        ("```console\n$ mlorch version\nmlorch …!\n```\n", "did not print 'mlorch …!'"),
        ("```console\n$ rm -r /\n```\n", "only mlorch is run here"),
    ],
    ids=["assertion", "later block", "no-run", "warning", "exit code", "output", "other program"],
)
def test_a_page_that_is_wrong_fails(text: str, says: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    done = read(page, tmp_path)
    assert done.returncode != 0
    assert says in done.stderr


def test_a_page_that_holds_passes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```python definitions.py\nfrom mlorch import asset\n\n\n"
        "@asset\ndef numbers() -> int:\n    return 1\n```\n"
        "```python\nfrom definitions import numbers\n\nassert numbers() == 1\n```\n"
        "```python no-run\nnumbers(unknown)\n```\n"
        "```console\n$ mlorch materialize numbers  # makes it\nmade…\n$ mlorch load numbers\n```\n"
        "```console exit=2\n$ mlorch materialize nombers\ndid you mean 'numbers'\n```\n"
    )
    done = read(page, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_commands_are_what_stands_behind_a_dollar() -> None:
    one, two = commands("$ mlorch load 'a b'  # why\n3\n\n  4 \n$ mlorch status\n")
    assert (one.words, one.shown) == (["mlorch", "load", "a b"], ["3", "4"])
    assert (two.words, two.shown) == (["mlorch", "status"], [])


def test_shown_lines_are_found_in_their_order() -> None:
    assert first_missing(["a …", "c"], "a 1\nb\nc\n") is None
    assert first_missing(["c", "a"], "a 1\nb\nc\n") == "a"
    assert first_missing(["a (1)"], "a  (1)\n") is None
