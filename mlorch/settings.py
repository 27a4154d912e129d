"""The settings of a project: [tool.mlorch] in pyproject.toml, then MLORCH_* variables, then flags."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from mlorch.errors import InvalidConfigError, UserError, nearest


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
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    """Steps at once, with an executor that can."""
    mlflow: MlflowSettings = MlflowSettings()
    dvc: DvcSettings = DvcSettings()

    @property
    def state(self) -> Path:
        """The folder of mlorch's own files."""
        return self.project / ".mlorch"

    @property
    def storage_url(self) -> str:
        return self.storage or f"sqlite:///{self.state / 'mlorch.db'}"


SECTIONS = {"mlflow": MlflowSettings, "dvc": DvcSettings}


def find_project(start: Path | None = None) -> Path:
    """Return the nearest folder above `start` whose pyproject.toml has [tool.mlorch].

    MLORCH_PROJECT names it outright. Raises UserError where there is none.
    """
    named = os.environ.get("MLORCH_PROJECT")
    if named:
        return Path(named).resolve()
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if "mlorch" in _read(folder / "pyproject.toml").get("tool", {}):
            return folder
    raise UserError(
        f"{here} is in no mlorch project: no pyproject.toml from here upwards has [tool.mlorch]. "
        "'mlorch init' makes one here, 'mlorch new NAME' makes a new project"
    )


def read_settings(project: Path | None = None, *, flags: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of a project, found from the working directory unless it is given.

    Raises InvalidConfigError, naming the file or variable, for an unknown or wrong setting.
    """
    folder = project or find_project()
    path = folder / "pyproject.toml"
    document = _read(path)
    values = dict(document.get("tool", {}).get("mlorch", {}))
    settings = _settings(values, folder, f"{path}, [tool.mlorch]")
    settings = replace(settings, **_environment())
    settings = replace(settings, **{k: v for k, v in (flags or {}).items() if v is not None})
    name = settings.name or document.get("project", {}).get("name") or folder.name
    return replace(settings, name=name)


def _settings(values: dict[str, Any], folder: Path, where: str) -> Settings:
    sections = {}
    for name, section in SECTIONS.items():
        given = values.pop(name, {})
        _check(given, section, f"{where[:-1]}.{name}]")
        sections[name] = section(**given)
    _check(values, Settings, where)
    return Settings(project=folder, **values, **sections)


def _check(values: Any, section: type[Any], where: str) -> None:
    if not isinstance(values, dict):
        raise InvalidConfigError(f"{where} should be a table of settings, not {values!r}")
    types = {one.name: str(one.type) for one in fields(section) if one.name not in ("project", *SECTIONS)}
    given: dict[str, Any] = values
    for name, value in given.items():
        if name not in types:
            known = ", ".join(types)
            raise InvalidConfigError(
                f"{where} has an unknown setting {name!r}{nearest(name, types)} (there are: {known})"
            )
        wanted = {"bool": bool, "int": int}.get(types[name], str)
        if type(value) is not wanted:
            raise InvalidConfigError(f"{where}: {name!r} should be a {wanted.__name__}, not {value!r}")
        if name == "code_version" and value != "auto":
            raise InvalidConfigError(f"{where}: code_version can be 'auto', not {value!r}")
        if name == "workers" and isinstance(value, int) and value < 1:
            raise InvalidConfigError(f"{where}: workers should be at least 1, not {value}")


def _environment() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in fields(Settings):
        text = os.environ.get(f"MLORCH_{one.name.upper()}")
        if text is None or one.name in ("project", *SECTIONS):
            continue
        value: Any = text
        if one.name == "workers":
            if not text.isdecimal():
                raise InvalidConfigError(f"MLORCH_WORKERS should be a whole number, not {text!r}")
            value = int(text)
        _check({one.name: value}, Settings, f"the environment variable MLORCH_{one.name.upper()}")
        found[one.name] = value
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidConfigError(f"{path} is no valid TOML: {error}") from None
    except PermissionError:
        raise InvalidConfigError(f"{path} can't be read: no permission") from None
