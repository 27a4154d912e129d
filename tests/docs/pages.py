"""Runs one page of the documentation in the current folder: `python -m tests.docs.pages PAGE`.

What stands behind the three backticks says what becomes of a block:
    python            run, after the blocks above it
    python no-run     compiled; `console no-run` is left alone
    python NAME.py    kept as that file, for what is below to import; `toml pyproject.toml` likewise
    console           each `$ mlorch …` is run; its output has the lines below in this order, `…` is any text
    console exit=1    the same, of commands that end with this exit code
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

_BLOCK = re.compile(r"^```(\w+)(?: ([^\n]+))?\n(.*?)^```$", re.M | re.S)
_PROJECT = '[tool.mlorch]\ndefinitions = "definitions.py"\n\n[tool.mlorch.mlflow]\nenabled = false\n'


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `line` is that of its first line in the page."""

    language: str
    words: str
    text: str
    line: int

    @property
    def is_file(self) -> bool:
        return "." in self.words


@dataclass(frozen=True, slots=True)
class Command:
    """What is typed at a prompt, and the lines that the page shows under it."""

    words: list[str]
    shown: list[str]


def blocks(text: str) -> list[Block]:
    return [
        Block(found[1], found[2] or "", found[3], text.count("\n", 0, found.start(3)) + 1)
        for found in _BLOCK.finditer(text)
    ]


def commands(text: str) -> list[Command]:
    found: list[Command] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(Command(shlex.split(line[2:], comments=True), []))
        elif line.strip():
            found[-1].shown.append(line.strip())
    return found


def first_missing(shown: list[str], output: str) -> str | None:
    """The first shown line that isn't in the output after those above it."""
    lines = iter(output.splitlines())
    for wanted in shown:
        pattern = re.compile(".*".join(map(re.escape, wanted.split("…"))))
        if not any(pattern.search(" ".join(line.split())) or pattern.search(line) for line in lines):
            return wanted
    return None


def run(page: Path) -> None:
    """Runs the page; the first thing that isn't as it says ends in an error that names its line."""
    module = ModuleType("__page__")
    sys.modules["__page__"] = module
    sys.path.insert(0, ".")
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.is_file:
            Path(block.words).parent.mkdir(parents=True, exist_ok=True)
            Path(block.words).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            # Empty lines in front give errors the line numbers of the page.
            code = compile("\n" * (block.line - 1) + block.text, str(page), "exec", dont_inherit=True)
            if block.words != "no-run":
                exec(code, vars(module))
        elif block.language == "console" and block.words != "no-run":
            _type_in(block, page)


def _type_in(block: Block, page: Path) -> None:
    if not Path("pyproject.toml").exists():
        Path("pyproject.toml").write_text(_PROJECT)
    exit_code = int(block.words.removeprefix("exit=") or 0)
    for command in commands(block.text):
        if command.words[0] != "mlorch":
            raise SystemExit(f"{page.name}:{block.line}: only mlorch is run here, not {command.words[0]!r}")
        program = [sys.executable, "-c", "from mlorch.cli.main import run; run()", *command.words[1:]]
        done = subprocess.run(program, capture_output=True, text=True)
        output = done.stdout + done.stderr
        said = f"{page.name}:{block.line}: {shlex.join(command.words)}"
        if done.returncode != exit_code:
            raise SystemExit(f"{said}\nended with {done.returncode}, not {exit_code}:\n{output}")
        missing = first_missing(command.shown, output)
        if missing is not None:
            raise SystemExit(f"{said}\ndid not print {missing!r}:\n{output}")


if __name__ == "__main__":
    run(Path(sys.argv[1]))
