"""Project templates: find one, ask its questions, render it, put the project in place whole or not at all.

A template is a folder with `template.toml` (what it is, what it asks) and `project/`, the files to come.
Every path in `project/` is rendered; of the contents only those of files that end in `.jinja`, an ending
that they lose. All else, sample data for one, is copied byte for byte.
"""

from __future__ import annotations

import json
import keyword
import re
import sys
import sysconfig
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlorch.errors import StorageError, UserError, nearest

if TYPE_CHECKING:
    from jinja2 import Environment

DEFAULT = "batch-retraining"
RECORD = ".mlorch-template.toml"
"""The file by which a project knows its template; an update merges what the template changed since."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a template asks; `default` is rendered with `folder` and the answers before."""

    name: str
    prompt: str
    default: str
    kind: str = "line"

    def check(self, answer: str) -> str:
        """Return `answer`; raise UserError, saying what would be right, where it doesn't fit the kind."""
        wanted = _KINDS[self.kind](answer)
        if wanted:
            raise UserError(f"{self.prompt}: {answer!r} should be {wanted}")
        return answer


@dataclass(frozen=True, slots=True)
class Template:
    """A template as its `template.toml` describes it; `files` is its folder `project`."""

    name: str
    version: str
    description: str
    questions: tuple[Question, ...]
    files: Path


def find_templates(folder: Path | None = None) -> dict[str, Template]:
    """Return the templates in `folder` by name; without one, those that come with mlorch."""
    manifests = sorted((folder or _shipped()).glob("*/template.toml"))
    return {manifest.parent.name: _read(manifest.parent) for manifest in manifests}


def find_template(name: str) -> Template:
    """Return the template `name` that comes with mlorch; raise UserError where there is none."""
    known = find_templates()
    if name not in known:
        raise UserError(f"There is no template {name!r}{nearest(name, known)}; mlorch has {', '.join(known)}")
    return known[name]


def collect(template: Template, folder: str, ask: Callable[[Question, str], str]) -> dict[str, str]:
    """Return the checked answers; `ask` gets each question with its default.

    `folder` is the name of the project's folder. Raises UserError for an answer that doesn't fit.
    """
    answers: dict[str, str] = {}
    jinja = _environment()
    for question in template.questions:
        default = jinja.from_string(question.default).render(folder=folder, **answers)
        answers[question.name] = question.check(ask(question, default))
    return answers


def render(template: Template, answers: Mapping[str, str]) -> dict[PurePosixPath, bytes]:
    """Return the project's files by path, the record of its origin among them; touches no disk."""
    jinja = _environment()
    values = {"mlorch_version": _mlorch_version(), **answers}
    rendered = {PurePosixPath(RECORD): _record(template, answers)}
    for path in _walk(template.files):
        parts = [jinja.from_string(part).render(values) for part in path.parts]
        content = (template.files / path).read_bytes()
        if path.suffix == ".jinja":
            parts[-1] = parts[-1].removesuffix(".jinja")
            content = jinja.from_string(content.decode()).render(values).encode()
        if any(part in ("", ".", "..") or "/" in part for part in parts):
            raise UserError(
                f"Template {template.name!r}: {path} would become {'/'.join(parts)!r}, no path inside"
            )
        rendered[PurePosixPath(*parts)] = content
    return rendered


def create(target: Path, project: Mapping[PurePosixPath, bytes]) -> None:
    """Write the files of `project` into the folder `target`, which is new or empty: all of them or none.

    Raises UserError for a folder that holds something, StorageError where it can't be written.
    """
    target = target.resolve()
    check_target(target)
    # An empty folder stays the one that it is: somebody's shell may stand in it.
    where = target if target.exists() else target.parent
    try:
        where.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=where, prefix=".mlorch-new-") as temporary:
            # That folder is its owner's alone; what is moved out of it has the usual permissions.
            staged = Path(temporary) / "project"
            for path, content in project.items():
                file = staged / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            _move(staged, target)
    except OSError as error:
        raise StorageError(f"{target} can't be written ({error.strerror}); nothing was left there") from error


def check_target(target: Path) -> None:
    """Raise UserError unless `target` is free for a new project: nothing there, or an empty folder."""
    if target.is_dir():
        if any(target.iterdir()):
            raise UserError(f"{target} is not empty; a new project needs a new folder, or an empty one")
    elif target.exists():
        raise UserError(f"{target} is a file; a new project needs a folder of its own")


def _move(staged: Path, target: Path) -> None:
    if not target.exists():
        staged.rename(target)
        return
    moved: list[Path] = []
    try:
        moved.extend(entry.rename(target / entry.name) for entry in staged.iterdir())
    except OSError:
        for entry in moved:
            entry.rename(staged / entry.name)
        raise


def _shipped() -> Path:
    package = Path(__file__).parent
    # In a checkout, and so for an editable install, they lie beside the package.
    return next(folder for folder in (package / "templates", package.parent / "templates") if folder.is_dir())


def _read(folder: Path) -> Template:
    manifest = tomllib.loads((folder / "template.toml").read_text(encoding="utf-8"))
    questions = tuple(Question(**question) for question in manifest["questions"])
    return Template(folder.name, manifest["version"], manifest["description"], questions, folder / "project")


def _walk(folder: Path) -> Iterator[Path]:
    """The files of a template, relative to it."""
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        # pip compiles whatever Python it installs, templates too.
        if path.is_file() and "__pycache__" not in relative.parts:
            yield relative


def _environment() -> Environment:
    from jinja2 import Environment, StrictUndefined

    jinja = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    jinja.filters.update(toml=_toml, identifier=_identifier)
    return jinja


def _record(template: Template, answers: Mapping[str, str]) -> bytes:
    lines = [
        "# Written by `mlorch new`: what this project was made from. Keep it, updates need it.",
        "",
        "[template]",
        f"name = {_toml(template.name)}",
        f"version = {_toml(template.version)}",
        f"mlorch = {_toml(_mlorch_version())}",
        "",
        "[answers]",
        *(f"{name} = {_toml(answer)}" for name, answer in answers.items()),
    ]
    return "\n".join([*lines, ""]).encode()


def _mlorch_version() -> str:
    # A requirement may not name the local part, after "+", that a build from a checkout can have.
    return version("mlorch").partition("+")[0]


def _toml(text: str) -> str:
    """`text` as a TOML string; JSON's rules are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _identifier(name: str) -> str:
    """The Python package that goes with a project's name."""
    words = re.sub(r"\W+", "_", name.lower(), flags=re.ASCII).strip("_")
    return f"project_{words}".rstrip("_") if not words[:1].isalpha() else words


def _line(answer: str) -> str:
    return "" if answer.strip() and answer.isprintable() else "one line of text"


def _distribution(answer: str) -> str:
    fits = re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", answer)
    return "" if fits else "letters, digits, '.', '_' and '-', with a letter or digit at each end"


def _package(answer: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", answer) or keyword.iskeyword(answer):
        return "a Python name in lower case, such as 'churn_model'"
    installed = {Path(sysconfig.get_path(where)) / answer for where in ("purelib", "platlib")}
    if answer in sys.stdlib_module_names or answer == "mlorch" or any(map(Path.exists, installed)):
        return "a name that no installed package has, such as 'churn_model'"
    return ""


_KINDS: dict[str, Callable[[str], str]] = {"line": _line, "distribution": _distribution, "package": _package}
"""Per kind of answer: what it should be, in words, where an answer is not; empty where it is."""
