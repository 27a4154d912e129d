"""Opening a project: its settings, its definitions and its instance, each when it is needed."""

from __future__ import annotations

import getpass
import importlib
import importlib.util
import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from mlorch.app.holding import command_line
from mlorch.definitions.definitions import Definitions, load_assets_from_modules
from mlorch.definitions.drift_sensors import DriftSensorDefinition
from mlorch.definitions.jobs import AssetJob
from mlorch.definitions.modules import load_asset_checks_from_modules
from mlorch.errors import (
    InvalidConfigError,
    InvalidDefinitionError,
    InvalidSelectionError,
    MissingDefinitionError,
    MlorchError,
    nearest,
)
from mlorch.instance import Instance
from mlorch.planning.check_selection import select_checks
from mlorch.planning.selection import select
from mlorch.settings import Settings, read_settings


class App:
    """A project that is open. What a command does not ask for is neither imported nor opened."""

    def __init__(self, settings: Settings, flags: Mapping[str, Any] | None = None) -> None:
        self.settings = settings
        self.flags = flags or {}
        """What the command line says itself; the settings have it too."""

    @cached_property
    def definitions(self) -> Definitions:
        """What the project declares. Raises InvalidDefinitionError where its module does not import."""
        return load_definitions(self.settings)

    @cached_property
    def record(self) -> Instance:
        """The instance to look at: nothing is made where nothing was recorded yet."""
        return Instance.to_read(self.settings)

    @cached_property
    def instance(self) -> Instance:
        """The log and the values. Raises StorageError where they can't be read."""
        return Instance.of(self.settings)

    def close(self) -> None:
        for name in ("record", "instance"):
            if name in self.__dict__:
                self.__dict__[name].close()


def open_app(project: Path | None = None, *, flags: Mapping[str, Any] | None = None) -> App:
    """Open the project around the working directory, or the one given. Raises as `read_settings` does."""
    return App(read_settings(project, flags=flags), flags)


def load_definitions(settings: Settings) -> Definitions:
    """Import the project's module and return its Definitions, or its assets as Definitions.

    Raises InvalidConfigError where no module is named, InvalidDefinitionError where it does not import,
    with the place in the user's own code, or declares nothing.
    """
    if not settings.definitions:
        raise InvalidConfigError(
            f"{settings.project / 'pyproject.toml'}, [tool.mlorch] names no definitions; "
            'write definitions = "package.module" or "file.py"'
        )
    for folder in (
        settings.project,
        settings.project / "src",
        (settings.project / settings.definitions).parent,
    ):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    module = _import(settings)
    found = [value for value in vars(module).values() if isinstance(value, Definitions)]
    if len({id(one) for one in found}) > 1:
        raise InvalidDefinitionError(f"{settings.definitions!r} has several Definitions; keep one")
    assets = [] if found else load_assets_from_modules([module])
    checks = [] if found else load_asset_checks_from_modules([module])
    if not found and not assets and not checks:
        raise InvalidDefinitionError(
            f"{settings.definitions!r} declares nothing; write defs = Definitions(assets=[…])"
        )
    definitions = found[0] if found else Definitions(assets, asset_checks=checks)
    try:
        check_selections(definitions)
    except MissingDefinitionError as error:
        raise MissingDefinitionError(f"{settings.definitions}: {error}") from None
    return definitions


def check_selections(definitions: Definitions) -> None:
    """Raise InvalidDefinitionError where they, or the selection of a job, name what is not there."""
    graph = definitions.graph
    for job in definitions.jobs.values():
        if not isinstance(job, AssetJob):
            continue
        try:
            select(job.selection, graph)
            select_checks(job.selection, graph)
        except InvalidSelectionError as error:
            raise InvalidDefinitionError(f"the selection of job {job.name!r}: {error}") from None
    for one in definitions.timed():
        if isinstance(one, DriftSensorDefinition):
            for key in (one.asset, one.reference):
                if key is not None and key not in graph.nodes:
                    raise InvalidDefinitionError(
                        f"{one}: there is no asset {key!r}{nearest(key, graph.nodes)}"
                    )
        if one.target.selection is None:
            continue
        try:
            select(one.target.selection, graph)
        except InvalidSelectionError as error:
            raise InvalidDefinitionError(f"the target of {one}: {error}") from None


def run_source() -> dict[str, Any]:
    """Return who runs what: {"user", "host", "pid", "command"}, passwords in URLs masked."""
    return {
        "user": _user(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "command": command_line(),
    }


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return {"commit": 40 hex digits, "dirty": bool} of the repository around a folder, or None."""
    command = ["git", "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.splitlines()
    commit = next((line.split()[2] for line in lines if line.startswith("# branch.oid ")), "(initial)")
    if done.returncode != 0 or commit == "(initial)":
        return None
    return {"commit": commit, "dirty": any(not line.startswith("#") for line in lines)}


def _import(settings: Settings) -> ModuleType:
    name = settings.definitions
    try:
        if not name.endswith(".py"):
            return importlib.import_module(name)
        path = settings.project / name
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise InvalidDefinitionError(f"there is no definitions file {path}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
    except MlorchError as error:
        raise InvalidDefinitionError(f"{_place(error, settings)}{error}") from None
    except (Exception, SystemExit) as error:
        raise InvalidDefinitionError(
            f"the definitions {name!r} do not import: "
            f"{_place(error, settings)}{type(error).__name__}: {error}"
        ) from error
    return module


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In many containers the user has a number and no name.
        return str(os.getuid())


def _place(error: BaseException, settings: Settings) -> str:
    """Return "file:line: " of the last frame in the project's own code, or ""."""
    root = str(settings.project) + os.sep
    frames = [
        one
        for one in traceback.extract_tb(error.__traceback__)
        if one.filename.startswith(root) and "site-packages" not in one.filename
    ]
    if isinstance(error, SyntaxError) and error.filename:
        return f"{os.path.relpath(error.filename, root)}:{error.lineno}: "
    return f"{os.path.relpath(frames[-1].filename, root)}:{frames[-1].lineno}: " if frames else ""
