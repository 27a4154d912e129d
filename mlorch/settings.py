"""The settings of a project: [tool.mlorch] in pyproject.toml, then MLORCH_* variables, then flags."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mlorch.definitions.limits import Limits, read_limits
from mlorch.errors import InvalidConfigError, UserError, nearest
from mlorch.execution.executors import EXECUTORS


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowSettings:
    """`[tool.mlorch.mlflow]`"""

    enabled: bool = True
    tracking_uri: str | None = None
    """None means MLFLOW_TRACKING_URI, or SQLite under mlruns/."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DvcSettings:
    """`[tool.mlorch.dvc]`"""

    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DaskSettings:
    """`[tool.mlorch.dask]`"""

    address: str = ""
    """Of a scheduler, such as "tcp://127.0.0.1:8786"; without one a cluster is started on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRetriesSettings:
    """`[tool.mlorch.run_retries]`"""

    max_retries: int = 0
    """How often a run that failed is run again; its tag mlorch/max_retries goes before this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`[tool.mlorch]`; `project` is the folder that holds pyproject.toml."""

    project: Path
    name: str = ""
    """The project's name in MLflow; by default that of the Python project, or of the folder."""
    definitions: str = ""
    """The module with the Definitions, such as "flights.definitions"."""
    storage: str = ""
    """URL of the log; by default SQLite under .mlorch/."""
    data: str = "data"
    """Folder of the values, relative to the project, or any fsspec URL."""
    code_version: str | None = None
    """"auto" fingerprints the code of every asset that declares no code version."""
    executor: str = "in_process"
    workers: int | None = None
    """Steps at once, with an executor that can; None leaves it to the executor."""
    max_concurrent_runs: int = -1
    """Runs at once; -1 means any number, 0 none."""
    tag_concurrency_limits: Sequence[Mapping[str, Any]] = ()
    """Runs at once with a tag: tables of "key", "limit" and maybe "value"."""
    pools: Mapping[str, int] = field(default_factory=dict)
    """Slots of pools by name; `mlorch pools set` goes before them."""
    mlflow: MlflowSettings = MlflowSettings()
    dvc: DvcSettings = DvcSettings()
    dask: DaskSettings = DaskSettings()
    run_retries: RunRetriesSettings = RunRetriesSettings()

    @property
    def limits(self) -> Limits:
        """How many runs and steps go at once, over all processes."""
        return read_limits(
            self.max_concurrent_runs, self.tag_concurrency_limits, self.pools, str(self.project)
        )

    @property
    def state(self) -> Path:
        """The folder of mlorch's own files."""
        return self.project / ".mlorch"

    @property
    def storage_url(self) -> str:
        """URL of the log; the path of a SQLite file is relative to the project."""
        scheme, slashes, path = (self.storage or "sqlite:///.mlorch/mlorch.db").partition(":///")
        is_file = scheme.startswith("sqlite") and path not in ("", ":memory:")
        return f"{scheme}{slashes}{self.project / path if is_file else path}"


SECTIONS = {
    "mlflow": MlflowSettings,
    "dvc": DvcSettings,
    "dask": DaskSettings,
    "run_retries": RunRetriesSettings,
}


def find_project(start: Path | None = None) -> Path:
    """Return the nearest folder above `start` whose pyproject.toml has [tool.mlorch].

    MLORCH_PROJECT names it outright. Raises UserError where there is none.
    """
    named = os.environ.get("MLORCH_PROJECT")
    if named:
        return Path(named).resolve()
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if "mlorch" in _table(_read(folder / "pyproject.toml"), "tool"):
            return folder
    raise UserError(
        f"{here} is in no mlorch project: no pyproject.toml from here upwards has [tool.mlorch]. "
        "'mlorch init' makes one here, 'mlorch new NAME' makes a new project"
    )


def read_settings(project: Path | None = None, *, flags: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of a project, found from the working directory unless it is given.

    Raises UserError where the folder given is no project, and InvalidConfigError, naming the file or the
    variable, for an unknown or wrong setting.
    """
    folder = project or find_project()
    path = folder / "pyproject.toml"
    document = _read(path)
    if "mlorch" not in _table(document, "tool"):
        raise UserError(f"{folder} is no mlorch project: no pyproject.toml there has [tool.mlorch]")
    found = {
        **_checked(document["tool"]["mlorch"], f"{path}, [tool.mlorch]"),
        **_environment(),
        **_checked({name: one for name, one in (flags or {}).items() if one is not None}, "the command line"),
    }
    sections = {
        section: kind(**{_last(name): one for name, one in found.items() if name.startswith(f"{section}.")})
        for section, kind in SECTIONS.items()
    }
    top = {name: one for name, one in found.items() if "." not in name}
    called = top.pop("name", "") or str(_table(document, "project").get("name") or folder.name)
    read_limits(
        top.get("max_concurrent_runs", -1),
        top.get("tag_concurrency_limits", ()),
        top.get("pools", {}),
        str(path),
    )
    return Settings(project=folder, name=called, **top, **sections)


_KINDS = {"bool": bool, "int": int, "Mapping": dict, "Sequence": list}

_TYPES = {
    f"{prefix}{one.name}": _KINDS.get(str(one.type).partition("[")[0].removesuffix(" | None"), str)
    for prefix, kind in (("", Settings), *((f"{section}.", kind) for section, kind in SECTIONS.items()))
    for one in fields(kind)
    if one.name not in ("project", *SECTIONS)
}
"""The types of all settings; those of a section have its name in front: "mlflow.enabled"."""

_VARIABLES = {
    f"MLORCH_{name.replace('.', '_').upper()}": name
    for name, kind in _TYPES.items()
    if kind not in (dict, list)
}

_WORDS = {
    bool: "true or false",
    int: "a whole number",
    str: "text",
    dict: "a table",
    list: "a list of tables",
}


def _checked(table: Any, where: str, prefix: str = "") -> dict[str, Any]:
    """Return the settings of a table by their names in _TYPES."""
    if not isinstance(table, dict):
        raise InvalidConfigError(f"{where} should be a table of settings, not {table!r}")
    found = {}
    for name, value in table.items():
        if not prefix and name in SECTIONS:
            found.update(_checked(value, f"{where.removesuffix(']')}.{name}]", f"{name}."))
        else:
            _check(f"{prefix}{name}", value, where)
            found[f"{prefix}{name}"] = value
    return found


def _check(name: str, value: Any, where: str) -> None:
    last = _last(name)
    if name not in _TYPES:
        known = [_last(one) for one in _TYPES if one.removesuffix(_last(one)) == name.removesuffix(last)]
        raise InvalidConfigError(
            f"{where} has an unknown setting {last!r}{nearest(last, known)} (there are: {', '.join(known)})"
        )
    fits = type(value) is _TYPES[name]
    if not fits:
        raise InvalidConfigError(f"{where}: {last!r} should be {_WORDS[_TYPES[name]]}, not {value!r}")
    if name == "code_version" and value != "auto":
        raise InvalidConfigError(f"{where}: code_version can be 'auto', not {value!r}")
    if name == "workers" and value < 1:
        raise InvalidConfigError(f"{where}: workers should be at least 1, not {value}")
    if name == "run_retries.max_retries" and value < 0:
        raise InvalidConfigError(f"{where}: max_retries should be 0 or more, not {value}")
    if name == "executor" and value not in EXECUTORS:
        raise InvalidConfigError(
            f"{where}: there is no executor {value!r}{nearest(value, EXECUTORS)} "
            f"(there are: {', '.join(EXECUTORS)})"
        )


def _environment() -> dict[str, Any]:
    """Return the settings in variables; one that is empty counts as not set."""
    found: dict[str, Any] = {}
    for variable, text in sorted(os.environ.items()):
        if not variable.startswith("MLORCH_") or variable == "MLORCH_PROJECT" or not text:
            continue
        if variable not in _VARIABLES:
            known = ", ".join(_VARIABLES)
            raise InvalidConfigError(
                f"the environment variable {variable} is no setting{nearest(variable, _VARIABLES)} "
                f"(there are: {known})"
            )
        name = _VARIABLES[variable]
        value = _parsed(text, _TYPES[name])
        _check(name, value, f"the environment variable {variable}")
        found[name] = value
    return found


def _parsed(text: str, kind: type) -> Any:
    """Return the value that a variable means; a text that means none stays as it is."""
    if kind is int and text.removeprefix("-").isdecimal():
        return int(text)
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    return text


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _table(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidConfigError(f"{path} is no valid TOML: {error}") from None
    except OSError as error:
        raise InvalidConfigError(f"{path} can't be read: {error.strerror}") from None
