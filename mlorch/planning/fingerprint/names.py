"""What a name in the project's code stands for, found in the code and not by running it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from hashlib import sha256
from types import ModuleType
from typing import Any, NamedTuple

from mlorch.planning.fingerprint.projects import Module, Project, is_namespace
from mlorch.planning.fingerprint.sources import Source
from mlorch.planning.fingerprint.syntax import Import, Piece, Reference

_Trail = frozenset[tuple[Source | None, str]]


class Defined(NamedTuple):
    """A name that statements of a module give its value; "*" for the whole module."""

    key: Hashable
    module: Module
    name: str


class Held(NamedTuple):
    """A value that a name holds now, where no statement gives it, as in a notebook."""

    value: object


# The text is a digest of code, a name of other people's code, or a bracket.
Target = str | Defined | Held


class Said(NamedTuple):
    """What code says in itself, and what it reaches."""

    text: str
    reached: tuple[Defined | Held, ...]


def gather(targets: Iterable[Target]) -> Said:
    """Part what stays as it is from what has to be followed."""
    listed = list(targets)
    text = "\n".join(one if isinstance(one, str) else "?" for one in listed)
    return Said(text, tuple(one for one in listed if not isinstance(one, str)))


def defined(module: Module, name: str) -> Defined:
    return Defined((module.source, name), module, name)


class Names:
    """One state of a project: each file is looked at once, and what a definition says is found out once."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._said: dict[Hashable, Said] = {}

    def said(self, name: Defined) -> Said:
        """Return what the statements that define the name say."""
        said = self._said.get(name.key)
        if said is None:
            text, reached = gather(self._say(name.module, name.name))
            digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            said = self._said[name.key] = Said(digest, reached)
        return said

    def of_piece(self, module: Module, piece: Piece, cells: Mapping[str, Any]) -> Iterator[Target]:
        """Give what a piece of code says and reaches. `cells` are the closure that it runs with."""
        yield piece.digest
        for reference in piece.references:
            yield from ("[", *self._reference(module, reference, cells), "]")
        for decorator in piece.decorators:
            head = (self._reference(module, one, cells) for one in decorator.references[:1])
            if not any(map(is_mlorch, head)):
                yield from self.of_piece(module, decorator, cells)

    def _say(self, module: Module, name: str) -> Iterator[Target]:
        source = module.source
        if source is None:
            return
        if name != "*":
            binding = source.binding(name)
            for piece in binding.pieces if binding is not None else ():
                yield from self.of_piece(module, piece, {})
            return
        for one in source.names:
            yield from self._name(module, (one,)) if one != "*" else ()
        for star in source.star_imports:
            yield from self._attribute(module.absolute(star), ())

    def _reference(self, module: Module, reference: Reference, cells: Mapping[str, Any]) -> list[Target]:
        name, rest = reference.path[0], reference.path[1:]
        if reference.source is not None:
            return self._imported(module, reference.source, rest)
        if name in cells:
            value = cells[name]
            return self._attribute(value.__name__, rest) if isinstance(value, ModuleType) else []
        return self._name(module, reference.path)

    def _name(self, module: Module, path: tuple[str, ...], trail: _Trail = frozenset()) -> list[Target]:
        """Return what a dotted name of a module stands for; [] for builtins and what can't be known."""
        source, name = module.source, path[0]
        if source is None or (source, name) in trail:
            return self._held(module, path)
        trail |= {(source, name)}
        binding = source.binding(name)
        if binding is not None:
            found: list[Target] = [defined(module, name)] if binding.pieces else []
            for target in binding.imports:
                found += self._imported(module, target, path[1:], trail)
            return found
        for star in source.star_imports:
            other = self.project.module(module.absolute(star))
            found = self._name(other, path, trail) if other is not None else []
            if found:
                return found
        return self._held(module, path)

    def _imported(
        self, module: Module, target: Import, rest: tuple[str, ...], trail: _Trail = frozenset()
    ) -> list[Target]:
        path = rest if target.attribute is None else (target.attribute, *rest)
        return self._attribute(module.absolute(target), path, trail)

    def _attribute(self, name: str, path: tuple[str, ...], trail: _Trail = frozenset()) -> list[Target]:
        """Return what `path` stands for in the module `name`."""
        module = self.project.module(name)
        if module is None:
            if path and is_namespace(name):
                return self._attribute(f"{name}.{path[0]}", path[1:], trail)
            return [f"import {'.'.join((name, *path))}"]
        if not path:
            return [defined(module, "*")]
        found = self._name(module, path, trail)
        if not found and self.project.module(f"{name}.{path[0]}") is not None:
            found = self._attribute(f"{name}.{path[0]}", path[1:], trail)
        return found

    def _held(self, module: Module, path: tuple[str, ...]) -> list[Target]:
        name = path[0]
        if name not in module.values or name.startswith(
            "__"
        ):  # `__file__` and `__name__` say where, not what
            return []
        if module.source is not None and name in module.source.set_by_functions:
            return []
        value = module.values[name]
        return self._attribute(value.__name__, path[1:]) if isinstance(value, ModuleType) else [Held(value)]


def is_mlorch(targets: Iterable[Target]) -> bool:
    return any(isinstance(one, str) and f"{one}.".startswith("import mlorch.") for one in targets)
