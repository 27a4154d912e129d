"""`code_version=AUTO`: what a function computes, as a short text that changes when that changes.

What is read: the function, and the functions, classes and constants of the user's own project that it reaches
by name, through imports, attributes of modules, base classes, decorators, default values and closures. What
is not: docstrings, comments, formatting, annotations (but for the fields of dataclasses, models and schemas),
and mlorch's own decorators, which say how a function is run and not what it computes. Other people's code
counts by the name under which it is imported, and by its version if asked for.

What it can't see: a value that comes from a file, the environment or a database; `getattr` with a computed
name; an attribute that is set from elsewhere (a monkeypatch); a table that calls from elsewhere fill; what an
annotation alone names, such as a resource or a schema. `fingerprint` takes classes too, for those.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from hashlib import sha256
from types import FunctionType

from mlorch.planning.fingerprint.distributions import distributions
from mlorch.planning.fingerprint.names import Names
from mlorch.planning.fingerprint.projects import Module, Project, home_of, innermost
from mlorch.planning.fingerprint.walk import Walk


def fingerprint(function: Callable[..., object], *, include_distributions: bool = False) -> str:
    """Return 16 hexadecimal digits, equal for equal code in any process on any machine.

    16 because they are read by people, and because 64 bits are ample: only versions of one asset are ever
    compared. Other minor versions of Python may give others. Code without source, as in `exec`, counts by
    its bytecode.
    """
    return Fingerprints().of(function, include_distributions=include_distributions)


class Fingerprints:
    """Fingerprints of many functions: what they share is read once, and counts as it was then."""

    def __init__(self) -> None:
        self._names: dict[str | None, Names] = {}

    def of(self, function: Callable[..., object], *, include_distributions: bool = False) -> str:
        """Return what `fingerprint` would."""
        home = home_of(function)
        if home not in self._names:
            self._names[home] = Names(Project(home))
        digest = Walk(self._names[home]).digest(function)
        if include_distributions:
            module = _module(function, home)
            versions = distributions(module, home) if module is not None else {}
            digest = sha256(f"{digest} {sorted(versions.items())}".encode()).hexdigest()
        return digest[:16]


def source_of(function: Callable[..., object]) -> str | None:
    """Return the function as it is written, with its decorators; None where no source is known."""
    found = innermost(function)
    if not isinstance(found, FunctionType):
        return None
    module = _module(found, home_of(found))
    return module.source.text(found.__code__) if module is not None and module.source is not None else None


def distributions_used(function: Callable[..., object]) -> tuple[str, ...]:
    """Return the names of the distributions that the function's module imports, itself or behind it."""
    return tuple(name for name in environment(function) if name != "python")


def environment(function: Callable[..., object]) -> dict[str, str]:
    """Return {"numpy": "2.1.0", "python": "3.11.7", …}: Python and the distributions used, by name."""
    home = home_of(function)
    module = _module(function, home)
    versions = distributions(module, home) if module is not None else {}
    return dict(sorted({**versions, "python": sys.version.split()[0]}.items()))


def _module(function: object, home: str | None) -> Module | None:
    found = innermost(function)
    project = Project(home)
    if isinstance(found, FunctionType):
        return project.module_of(found)
    return project.module(str(getattr(found, "__module__", None)))
