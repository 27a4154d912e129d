"""The house rules that a machine can check: sizes, imports, layers, decisions, pins, the wheel."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HOUSE = Path(__file__).parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((HOUSE / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
PIN_LINES = (HOUSE / "constraints.txt").read_text().splitlines()
PINS = {canonicalize_name(name): version for name, version in (line.split("==") for line in PIN_LINES)}

FILE_LINES = 400
FUNCTION_LINES = 40

HEAVY = {
    "alembic", "dask", "distributed", "duckdb", "dvc", "jinja2", "joblib", "loky", "mlflow", "numpy",
    "pandas", "pandera", "polars", "psycopg", "pyarrow", "pydantic", "scipy", "sklearn", "sqlalchemy",
}  # fmt: skip


def sources(*folders: str) -> list[Path]:
    own = (path for folder in folders for path in (HOUSE / folder).rglob("*.py"))
    return sorted(path for path in own if not {"demo", ".venv", "__pycache__"} & set(path.parts))


def in_git(git: str, *under: str) -> list[str]:
    """The files that git has or would take, by their paths in the house."""
    # A clone that belongs to somebody else is no danger here: nothing in it is run by this command.
    command = [
        git,
        "-c",
        "safe.directory=*",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        *under,
    ]
    names = subprocess.run(command, cwd=HOUSE, check=True, capture_output=True, text=True).stdout.split("\0")
    return [name for name in names if (HOUSE / name).is_file()]


def shown(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


# Sizes


def test_every_file_stays_short() -> None:
    lines = {
        shown(path): len(path.read_text().splitlines())
        for path in sources("mlorch", "tests", "examples", "bench")
    }
    assert len(lines) > 1
    assert {name: count for name, count in lines.items() if count > FILE_LINES} == {}


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function of a file and the lines of its body: its signature and docstring say, they don't do."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            if body:
                yield node.name, (node.end_lineno or 0) - body[0].lineno + 1


def test_every_function_stays_short() -> None:
    found = [
        (shown(path), name, lines)
        for path in sources("mlorch", "examples", "bench")
        if path.parent.name != "versions"  # a migration is one list of statements, never touched again
        for name, lines in functions(path)
    ]
    assert found
    assert [each for each in found if each[2] > FUNCTION_LINES] == []


# What stands in files


def test_no_file_names_a_place_of_one_machine(needs_program: Any) -> None:
    place = re.compile(
        r"(?<![\w.}~-])/(?:home|opt|root|Users|work)/\w|--(?:extra-)?index-url|\bpypi\.org|pythonhosted"
    )
    found = []
    for name in in_git(needs_program("git")):
        text = (HOUSE / name).read_bytes().decode(errors="ignore")
        if "\0" not in text and HOUSE / name != Path(__file__):
            found += [f"{name}: {match.group()}" for match in place.finditer(text)]
    assert found == []


def test_every_decision_says_why_what_and_what_would_violate_it() -> None:
    decisions = sorted((HOUSE / "docs" / "decisions").glob("*.md"))
    numbers = [int(path.name[:4]) for path in decisions]
    assert numbers == list(range(1, len(decisions) + 1))
    for path in decisions:
        text = path.read_text()
        assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name)
        assert text.startswith(f"# {int(path.name[:4])}. "), path.name
        assert re.findall(r"^## (.+)$", text, re.M) == ["Context", "Decision", "A violating change"], (
            path.name
        )


def test_the_documents_point_at_what_exists() -> None:
    link = re.compile(r"\]\((?!\w+:|#)([^)#]+)")
    documents = [*HOUSE.glob("*.md"), *(HOUSE / "docs").rglob("*.md")]
    broken = [
        f"{shown(path)}: {target}"
        for path in documents
        for target in link.findall(path.read_text())
        if not (path.parent / target).exists()
    ]
    assert broken == []


def test_the_changelog_knows_this_version() -> None:
    assert f"## {PROJECT['version']}" in (HOUSE / "CHANGELOG.md").read_text()


# What imports cost, and which way they go


def modules_after(code: str) -> set[str]:
    """The top names of the modules that a fresh Python holds after running this."""
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=HOUSE, capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in done.stderr.split()}


def test_importing_mlorch_imports_nothing_heavy() -> None:
    assert modules_after("import mlorch") & (HEAVY | {"typer", "rich"}) == set()


def test_naming_an_asset_imports_nothing_heavy() -> None:
    code = "import mlorch\n@mlorch.asset\ndef numbers() -> int:\n    return 1\nassert numbers() == 1"
    assert modules_after(code) & (HEAVY - {"pydantic"}) == set()


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import contextlib, sys\n"
        "from mlorch.cli.main import run\n"
        "sys.argv = ['mlorch', '--help']\n"
        "with contextlib.suppress(SystemExit):\n"
        "    run()"
    )
    assert modules_after(code) & HEAVY == set()


def test_every_public_name_can_be_had() -> None:
    import mlorch

    assert len(set(mlorch.__all__)) == len(mlorch.__all__)
    for name in mlorch.__all__:
        assert getattr(mlorch, name) is not None
        assert name in dir(mlorch)


def test_imports_go_one_way() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-logo"], cwd=HOUSE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_layers_know_no_exception() -> None:
    contracts = PYPROJECT["tool"]["importlinter"]["contracts"]
    assert [each["exhaustive"] for each in contracts if each["type"] == "layers"] == [True]
    assert [key for each in contracts for key in each if "ignore" in key] == []


# Pins


def declared() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [
        Requirement(each) for each in [*PROJECT["dependencies"], *(one for extra in extras for one in extra)]
    ]


def closure() -> Iterator[str]:
    """Every package that the installed ones ask for, from what pyproject.toml declares onwards."""
    waiting, seen = declared(), set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if (name, *sorted(wanted.extras)) in seen:
            continue
        seen.add((name, *sorted(wanted.extras)))
        yield name
        for each in map(Requirement, metadata.distribution(name).requires or []):
            if each.marker is None or any(
                each.marker.evaluate({"extra": one}) for one in ["", *wanted.extras]
            ):
                waiting.append(each)


def test_constraints_are_names_and_versions_only() -> None:
    assert [line for line in PIN_LINES if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)] == []
    assert len(PINS) == len(PIN_LINES)


def test_every_dependency_is_pinned_to_a_version_that_it_allows() -> None:
    for wanted in declared():
        assert wanted.specifier.contains(PINS[canonicalize_name(wanted.name)]), wanted


def test_everything_that_comes_along_is_pinned() -> None:
    assert set(closure()) - set(PINS) == set()
    assert {name for name in PINS if name.startswith(("torch", "tensorflow", "nvidia"))} == set()


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    made_by = metadata.packages_distributions()
    trees = [ast.parse(path.read_text()) for path in sources("mlorch")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {one.name for node in nodes if isinstance(node, ast.Import) for one in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    tops = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"mlorch"}
    homes = {top: {canonicalize_name(one) for one in made_by[top]} for top in tops}
    wanted = {canonicalize_name(Requirement(each).name) for each in PROJECT["dependencies"]}
    extras = PROJECT["optional-dependencies"].items()
    optional = {
        canonicalize_name(Requirement(one).name) for name, of in extras if name != "dev" for one in of
    }
    # pydantic and its core are one: each release pins the other.
    assert {top for top, home in homes.items() if not home & (wanted | optional)} <= {"pydantic_core"}
    # Time zones are data; the module that looks for them is the standard library's.
    assert wanted - set().union(*homes.values()) == {"tzdata"}


def test_each_dependency_has_its_line() -> None:
    lines = (HOUSE / "docs" / "decisions" / "0001-dependencies.md").read_text().splitlines()
    words = {
        word for line in lines if line.startswith("| ") for word in re.findall(r"[\w.-]+", line.split("|")[1])
    }
    assert {wanted.name for wanted in declared()} - words == set()


# The wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(HOUSE)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_carries_every_template_file(wheel: Path, needs_program: Any) -> None:
    with zipfile.ZipFile(wheel) as archive:
        carried = set(archive.namelist())
    wanted = {f"mlorch/{name}" for name in in_git(needs_program("git"), "templates")}
    assert wanted
    assert wanted - carried == set()


def test_the_wheel_carries_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {"mlorch/__init__.py", "mlorch/__init__.pyi", "mlorch/py.typed"} <= set(names)
    assert {name.partition("/")[0] for name in names} == {"mlorch", f"mlorch-{PROJECT['version']}.dist-info"}
    assert [name for name in names if name.endswith(".pyc")] == []
