"""Reading settings: the nearest project, what its file, the environment and flags say, and what is wrong."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from mlorch.definitions.environment import EnvVar
from mlorch.definitions.limits import read_limits
from mlorch.errors import InvalidConfigError, UserError, nearest
from mlorch.settings.kinds import KINDS, RULES, VARIABLES
from mlorch.settings.sections import SECTIONS, EmailSettings, Settings


class Found(NamedTuple):
    """A setting that somebody set, and where."""

    value: Any
    source: str
    """"file", "variable" or "flag"; "default" where it follows from something else."""
    where: str


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
    found = found_settings(folder, flags)
    values = {name: one.value for name, one in found.items()}
    path = str(folder / "pyproject.toml")
    read_limits(
        values.get("max_concurrent_runs", -1),
        values.get("tag_concurrency_limits", ()),
        values.get("pools", {}),
        path,
    )
    settings: Settings = _made(Settings, "", {**values, "project": folder})
    _check_email(settings.notifications.email, f"{path}, [tool.mlorch.notifications.email]")
    return settings


def found_settings(folder: Path, flags: Mapping[str, Any] | None = None) -> dict[str, Found]:
    """Return by name what is set anywhere, the last word on each. Raises as `read_settings` does."""
    path = folder / "pyproject.toml"
    document = _read(path)
    if "mlorch" not in _table(document, "tool"):
        raise UserError(f"{folder} is no mlorch project: no pyproject.toml there has [tool.mlorch]")
    given = {name: one for name, one in (flags or {}).items() if one is not None}
    return {
        **_borrowed(folder, _table(document, "project").get("name")),
        **dict(_in_table(document["tool"]["mlorch"], "file", f"{path}, [tool.mlorch]")),
        **_environment(),
        **dict(_in_table(given, "flag", "the command line")),
    }


def _borrowed(folder: Path, named: Any) -> dict[str, Found]:
    """Return what is set where others set it."""
    name = Found(folder.name, "default", "the folder's name")
    if named:
        name = Found(str(named), "file", f"{folder / 'pyproject.toml'}, [project]")
    address = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow = {} if not address else {"mlflow.tracking_uri": Found(address, "variable", "MLFLOW_TRACKING_URI")}
    return {"name": name, **mlflow}


def _in_table(table: Any, source: str, where: str, prefix: str = "") -> Iterator[tuple[str, Found]]:
    """Yield the settings of a table by their names in KINDS; an empty name sets nothing."""
    if not isinstance(table, dict):
        raise InvalidConfigError(f"{where} should be a table of settings, not {table!r}")
    for name, value in table.items():
        whole = f"{prefix}{name}"
        if whole in SECTIONS:
            yield from _in_table(value, source, f"{where.removesuffix(']')}.{name}]", f"{whole}.")
        elif whole not in KINDS:
            raise _unknown(name, prefix, where)
        elif whole != "name" or value != "":
            yield whole, Found(_value(whole, value, where), source, where)


def _unknown(name: str, prefix: str, where: str) -> InvalidConfigError:
    known = [
        whole.removeprefix(prefix)
        for whole in (*KINDS, *SECTIONS)
        if whole.startswith(prefix) and "." not in whole.removeprefix(prefix)
    ]
    return InvalidConfigError(
        f"{where} has an unknown setting {name!r}{nearest(name, known)} (there are: {', '.join(known)})"
    )


def _environment() -> dict[str, Found]:
    """Return the settings in variables; one that is empty counts as not set."""
    found: dict[str, Found] = {}
    for variable, text in sorted(os.environ.items()):
        if not variable.startswith("MLORCH_") or variable == "MLORCH_PROJECT" or not text:
            continue
        if variable not in VARIABLES:
            raise InvalidConfigError(
                f"the environment variable {variable} is no setting{nearest(variable, VARIABLES)} "
                f"(there are: {', '.join(VARIABLES)})"
            )
        name = VARIABLES[variable]
        kind = KINDS[name]
        assert kind.parse is not None
        # A secret stays where it is: what is passed around is the name of the variable.
        given = EnvVar(variable) if kind.is_secret else kind.parse(text)
        value = _value(name, given, f"the environment variable {variable}")
        found[name] = Found(value, "variable", variable)
    return found


def _value(name: str, given: Any, where: str) -> Any:
    """Return what a setting is set to. Raises InvalidConfigError where it can't be that."""
    kind, last = KINDS[name], name.rpartition(".")[2]
    seen = "" if kind.is_secret else f", not {given!r}"
    try:
        value = kind.read(given)
    except ValueError:
        raise InvalidConfigError(f"{where}: {last!r} should be {kind.words}{seen}") from None
    rule = RULES.get(name)
    if rule is not None and not rule.holds(value):
        words = given if isinstance(given, list) else [str(given)]
        hint = next((nearest(one, rule.names) for one in words if one not in rule.names), "")
        raise InvalidConfigError(f"{where}: {last} should be {rule.words}{seen}{hint}")
    return value


def _made(section: type, prefix: str, values: Mapping[str, Any]) -> Any:
    """Return a section with what is set in it and in those below."""
    own = {}
    for one in fields(section):
        name = f"{prefix}{one.name}"
        if name in SECTIONS:
            own[one.name] = _made(SECTIONS[name], f"{name}.", values)
        elif name in values:
            own[one.name] = values[name]
    return section(**own)


def _check_email(email: EmailSettings, where: str) -> None:
    for name, needed in (("sender", email.sender), ("recipients", email.recipients)):
        if email.host and not needed:
            raise InvalidConfigError(f"{where} names a host, so it needs {name!r} too")
        if needed and not email.host:
            raise InvalidConfigError(f"{where} names {name!r}, so it needs the SMTP server as 'host' too")
    if (email.username is None) != (email.password is None):
        raise InvalidConfigError(f"{where} needs 'username' and 'password' together, or none of them")


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
