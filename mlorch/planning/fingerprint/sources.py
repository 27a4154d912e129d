"""One file of code: what its names are bound to, and where a code object stands in it."""

from __future__ import annotations

import ast
import linecache
import os
import re
import textwrap
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.util import decode_source
from threading import RLock
from types import CodeType
from typing import Any, NamedTuple

from mlorch.planning.fingerprint.syntax import (
    Definition,
    Import,
    Item,
    Piece,
    bound_by_import,
    dotted,
    imports,
    read,
    read_definition,
)

PARSING = RLock()
"""Held while Python parses, as it does to draw tracebacks too: before 3.11.8 and 3.12.2, threads that parse
at once make each other fail (https://github.com/python/cpython/issues/106905)."""


def read_source(file: str, values: Mapping[str, Any]) -> Source | None:
    """Return the code of a file as it is now, parsed once for each state of it; None if there is none.

    `values` are the globals of the module, by which a loader finds code that lies in no file.
    """
    try:
        state = os.stat(file)
    except OSError:
        return _parse("".join(linecache.getlines(file, dict(values))))
    return _parse_file(file, state.st_mtime_ns, state.st_size)


class Binding(NamedTuple):
    """All that gives a name of a module its value, in the order of the file."""

    imports: tuple[Import, ...]
    pieces: tuple[Piece, ...]


class Source:
    """The code of one file. Raises SyntaxError where this Python can't read it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._imports: dict[str, list[Import]] = defaultdict(list)
        self._imported: list[Import] = []
        self._statements: dict[str, list[_Statement]] = defaultdict(list)
        self._bindings: dict[str, Binding | None] = {}
        self._top: dict[tuple[int, str], Definition] = {}
        self._pieces: dict[int, Piece] = {}
        with PARSING, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python told the user when it compiled the file
            self._tree = ast.parse(text)
        self._collect(self._tree.body, ())

    @property
    def names(self) -> Iterable[str]:
        """The names that the module binds, in the order of the file."""
        return dict.fromkeys((*self._imports, *self._statements))

    @property
    def star_imports(self) -> Sequence[Import]:
        return self._imports.get("*", ())

    @property
    def imports(self) -> Iterable[Import]:
        """Every import of the file, those inside functions too."""
        return dict.fromkeys(self._inside.imports if _INNER_IMPORT.search(self._text) else self._imported)

    @property
    def set_by_functions(self) -> set[str]:
        """The names that functions declare global: what they hold depends on what has run."""
        return self._inside.declared_global

    def binding(self, name: str) -> Binding | None:
        if name not in self._bindings:
            targets = tuple(self._imports.get(name, ()))
            pieces = tuple(statement.read() for statement in self._statements.get(name, ()))
            self._bindings[name] = Binding(targets, pieces) if targets or pieces else None
        return self._bindings[name]

    def routine(self, code: CodeType) -> Piece | None:
        """Return the function that the code was compiled from; None if the file has changed since."""
        found = self._find(code)
        if found is None:
            return None
        piece = self._pieces.get(id(found.node))
        if piece is None:
            piece = self._pieces[id(found.node)] = found.read()
        return piece

    def text(self, code: CodeType) -> str | None:
        """Return the function as it is written, decorators included."""
        found = self._find(code)
        if found is None:
            return None
        if isinstance(found.node, ast.Lambda):
            return ast.get_source_segment(self._text, found.node)
        lines = self._text.split("\n")[_first_line(found.node) - 1 : found.node.end_lineno]
        return textwrap.dedent("\n".join(lines)) + "\n"

    def _find(self, code: CodeType) -> _Routine | None:
        at = (code.co_firstlineno, code.co_name)
        if at in self._top:
            return _Routine(self._top[at])
        found = self._inside.routines.get(at, [])
        if len(found) > 1:
            found = [one for one in found if _covers(one.node, code)]
            # Of lambdas in one another, only the inner one covers no more than its own code.
            found.sort(key=lambda one: (-one.node.lineno, -one.node.col_offset))
        return found[0] if found else None

    @cached_property
    def _inside(self) -> _Inside:
        return _look_inside(self._tree)

    def _collect(self, body: Iterable[ast.stmt], guards: tuple[Item, ...]) -> None:
        """Note what each statement of the module binds, and under which conditions it runs."""
        for node in body:
            if isinstance(node, ast.If):
                if not _is_script(node.test):
                    self._collect(node.body, (*guards, "if", node.test))
                    self._collect(node.orelse, (*guards, "else", node.test))
            elif isinstance(node, ast.Try | ast.TryStar):
                self._collect(node.body, (*guards, "try"))
                for handler in node.handlers:
                    self._collect(handler.body, (*guards, "except", handler.type or "all"))
                self._collect((*node.orelse, *node.finalbody), (*guards, "else"))
            elif not _is_for_checkers(node):
                self._note(node, guards)

    def _note(self, node: ast.stmt, guards: tuple[Item, ...]) -> None:
        if isinstance(node, _DEFINITIONS):
            self._top[_first_line(node), node.name] = node
        names = dict.fromkeys(_bound_by(node, self._imports))
        for one in _here(node):
            if isinstance(one, ast.Import | ast.ImportFrom):
                self._imported += imports(one)
                for name, target in bound_by_import(one):
                    self._imports[name].append(target)
                    if guards or one is not node:
                        names[name] = None
        for name in names:
            self._statements[name].append(_Statement(guards, node))


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ROUTINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_INNER_IMPORT = re.compile(r"(^[ \t]+|[:;][ \t]*)(import|from)\b", re.MULTILINE)


@lru_cache(maxsize=4096)
def _parse_file(file: str, _modified: int, _size: int) -> Source | None:
    if not file.endswith((".py", ".pyw")):
        return None
    try:
        with open(file, "rb") as opened:
            return Source(decode_source(opened.read()))
    except (OSError, SyntaxError, ValueError):
        return None


@lru_cache(maxsize=4096)
def _parse(text: str) -> Source | None:
    try:
        return Source(text) if text else None
    except (SyntaxError, ValueError):
        return None


class _Statement(NamedTuple):
    guards: tuple[Item, ...]
    node: ast.stmt

    def read(self) -> Piece:
        if isinstance(self.node, _DEFINITIONS):
            return read_definition(self.node, self.guards)
        return read([*self.guards, self.node])


class _Routine(NamedTuple):
    """A function or lambda, and the imports of each function around it."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
    around: tuple[dict[str, list[Import]], ...] = ()

    def read(self) -> Piece:
        around = {name: targets for some in self.around for name, targets in some.items()}
        if isinstance(self.node, ast.Lambda):
            return read([self.node], around)
        return read_definition(self.node, (), around)


@dataclass(slots=True)
class _Inside:
    """What only a walk through every function finds."""

    routines: dict[tuple[int, str], list[_Routine]] = field(default_factory=lambda: defaultdict(list))
    imports: list[Import] = field(default_factory=list)
    declared_global: set[str] = field(default_factory=set)


def _look_inside(tree: ast.Module) -> _Inside:
    found = _Inside()
    stack: list[tuple[ast.AST, tuple[dict[str, list[Import]], ...]]] = [(tree, ())]
    while stack:
        node, around = stack.pop()
        if isinstance(node, _ROUTINES):
            name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
            found.routines[_first_line(node), name].append(_Routine(node, around))
            around = (*around, {})
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.imports += imports(node)
            for name, target in bound_by_import(node) if around else ():
                around[-1].setdefault(name, []).append(target)
        elif isinstance(node, ast.Global):
            found.declared_global.update(node.names)
        stack.extend((child, around) for child in ast.iter_child_nodes(node))
    return found


def _bound_by(node: ast.stmt, imported: Mapping[str, object]) -> Iterator[str]:
    """Give the names that a statement binds, or whose value it changes, as `T["x"] = 1` and `T.add(x)` do."""
    if isinstance(node, _DEFINITIONS):
        yield node.name
        # `@table.register` changes the table; `@library.decorator` does nothing to the library.
        paths = (dotted(one.func if isinstance(one, ast.Call) else one) for one in node.decorator_list)
        yield from (path[0] for path in paths if len(path) > 1 and path[0] not in imported)
        return
    for one in _here(node):
        if isinstance(one, _DEFINITIONS):
            yield one.name
        elif isinstance(one, ast.Expr) and isinstance(one.value, ast.Call):
            yield from dotted(one.value.func)[:-1][:1]
        elif isinstance(one, ast.Name | ast.Attribute | ast.Subscript) and not isinstance(one.ctx, ast.Load):
            while isinstance(one, ast.Attribute | ast.Subscript):
                one = one.value
            if isinstance(one, ast.Name):
                yield one.id


def _here(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through a statement, leaving out what has a scope of its own."""
    stack = [node]
    while stack:
        one = stack.pop()
        yield one
        if not isinstance(one, (*_DEFINITIONS, *_COMPREHENSIONS, ast.Lambda)):
            stack.extend(ast.iter_child_nodes(one))


def _first_line(node: ast.AST) -> int:
    """Return the line of `co_firstlineno`."""
    first = node.decorator_list[0] if isinstance(node, _DEFINITIONS) and node.decorator_list else node
    line: int = first.lineno  # type: ignore[attr-defined]
    return line


def _is_for_checkers(node: ast.stmt) -> bool:
    """True of `name: int` and of overloads, which do nothing when they run."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return any(dotted(one)[-1:] == ("overload",) for one in node.decorator_list)
    return isinstance(node, ast.AnnAssign) and node.value is None


def _is_script(test: ast.expr) -> bool:
    """True of `if __name__ == "__main__"`, which nothing that imports the module runs."""
    return isinstance(test, ast.Compare) and dotted(test.left) == ("__name__",)


def _covers(node: ast.AST, code: CodeType) -> bool:
    """Say whether the lambda's body holds every column of the code."""
    if not isinstance(node, ast.Lambda):
        return True
    body = node.body
    start, end = (body.lineno, body.col_offset), (body.end_lineno or 0, body.end_col_offset or 0)
    return all(
        start <= (line or 0, column or 0) and (end_line or 0, end_column or 0) <= end
        for line, end_line, column, end_column in code.co_positions()
        if line is not None and (column, end_column) != (0, 0)
    )
