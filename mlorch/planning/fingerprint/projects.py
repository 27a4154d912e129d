"""Where a project's own code ends and other people's begins, and where its modules are."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.machinery import ModuleSpec
from types import FunctionType
from typing import Any

from mlorch.planning.fingerprint.sources import Source, read_source
from mlorch.planning.fingerprint.syntax import Import

SITE = re.compile(r"[/\\](site|dist)-packages[/\\]")


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the project; `values` are its globals as far as it has been imported."""

    name: str
    package: str
    source: Source | None
    values: Mapping[str, Any] = field(compare=False)

    def absolute(self, target: Import) -> str:
        """Return the absolute name of the module that is imported from here."""
        if not target.level:
            return target.module
        parents = self.package.split(".")
        base = ".".join(parents[: len(parents) - target.level + 1])
        return f"{base}.{target.module}" if base and target.module else base or target.module


class Project:
    """The user's own code: all but installed packages, the standard library and mlorch.

    `home` is an installed package that is the user's own nevertheless. Folders decide, not `sys.prefix`: a
    virtual environment may have been made in the project's folder, and a project may lie under /usr.
    """

    def __init__(self, home: str | None) -> None:
        self._home = home
        self._modules: dict[str, Module | None] = {}
        self._sources: dict[str, Source | None] = {}

    def module(self, name: str) -> Module | None:
        """Return one of the project's modules, imported or not; None for everybody else's."""
        if name not in self._modules:
            self._modules[name] = self._load(name)
        return self._modules[name]

    def module_of(self, function: FunctionType) -> Module | None:
        """Return the module that the function is written in, None if it is not the project's."""
        values = function.__globals__
        name = str(values.get("__name__", ""))
        file = function.__code__.co_filename
        where = file if os.path.isfile(file) else values.get("__file__") or file
        if not self._is_own(name, where):
            return None
        known = self.module(name)
        source = self._read(file, values)
        if known is not None and known.source is source and known.values is values:
            return known
        package = values.get("__package__")
        return Module(name, name.rpartition(".")[0] if package is None else package, source, values)

    def _load(self, name: str) -> Module | None:
        file = file_of(name)
        if file is None or not self._is_own(name, file):
            return None
        source = self._read(file, {})
        if source is None:
            return None
        is_package = os.path.basename(file) == "__init__.py"
        loaded = sys.modules.get(name)
        return Module(
            name, name if is_package else name.rpartition(".")[0], source, vars(loaded) if loaded else {}
        )

    def _read(self, file: str, values: Mapping[str, Any]) -> Source | None:
        if file not in self._sources:
            self._sources[file] = read_source(file, values)
        return self._sources[file]

    def _is_own(self, name: str, file: str) -> bool:
        file = file.replace("\\", "/")
        if file.startswith((_MLORCH, "<frozen ")):
            return False
        if SITE.search(file):
            return self._home is not None and name.partition(".")[0] == self._home
        return not file.startswith(_STDLIB)


def own_files() -> Iterator[str]:
    """Yield the files of the modules that are imported now and are the user's own."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and not SITE.search(file) and not file.startswith((_STDLIB, _MLORCH, "<")):
            yield file


def home_of(function: object) -> str | None:
    """Return the top package of a function that is installed: an installed project is still the project."""
    name = str(getattr(innermost(function), "__module__", None))
    file = file_of(name)
    return name.partition(".")[0] if file is not None and SITE.search(file) else None


def innermost(function: object) -> object:
    """Return what decorators, partial application and bound methods were made of."""
    while True:
        wrapped = getattr(function, "__wrapped__", None) or getattr(function, "__func__", None)
        inner = function.func if isinstance(function, partial) else wrapped
        if inner is None:
            return function
        function = inner


def file_of(name: str) -> str | None:
    """Return the file of a module without importing it; None for a namespace and for what can't be found."""
    loaded = sys.modules.get(name)
    if loaded is not None:
        return getattr(loaded, "__file__", None)
    parent = name.rpartition(".")[0]
    path = _search_path(parent) if parent else None
    if not name or (parent and path is None):
        return None
    origin = getattr(_spec(name, path), "origin", None)
    return origin if origin and os.path.isabs(origin) else None


def is_namespace(name: str) -> bool:
    """Say whether the name is a package without a file of its own, known only by what is in it."""
    return file_of(name) is None and _search_path(name) is not None


_STDLIB = os.path.dirname(os.__file__).replace("\\", "/") + "/"
_MLORCH = (
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))).replace("\\", "/") + "/"
)


def _search_path(package: str) -> list[str] | None:
    loaded = sys.modules.get(package)
    if loaded is not None:
        return getattr(loaded, "__path__", None)
    parent = package.rpartition(".")[0]
    path = _search_path(parent) if parent else None
    if parent and path is None:
        return None
    return getattr(_spec(package, path), "submodule_search_locations", None)


def _spec(name: str, path: list[str] | None) -> Any:
    try:
        return next((spec for finder in sys.meta_path if (spec := finder.find_spec(name, path))), None)
    except KeyError:
        # Python finds a package without a file only in one that is imported.
        spec = ModuleSpec(name, None, is_package=True)
        folders = [os.path.join(one, name.rpartition(".")[2]) for one in path or ()]
        spec.submodule_search_locations = [one for one in folders if os.path.isdir(one)]
        return spec
