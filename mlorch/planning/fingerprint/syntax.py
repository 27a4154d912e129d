"""What a piece of code says, however it is written down, and which names it takes from outside of itself."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal, NamedTuple

_Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = _Function | ast.ClassDef
_Routine = _Function | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Item = str | ast.AST | Callable[[], None]


class Import(NamedTuple):
    """Where an imported name comes from: `attribute` of `module`, or the module itself."""

    module: str
    attribute: str | None = None
    level: int = 0


class Reference(NamedTuple):
    """A dotted name that is loaded; `source` if an import inside the code binds its first part."""

    path: tuple[str, ...]
    source: Import | None = None


class Piece(NamedTuple):
    """Code as a digest, with the names that it loads and, apart from it, its decorators."""

    digest: str
    references: tuple[Reference, ...]
    decorators: tuple[Piece, ...] = ()


def read(items: Sequence[Item], around: Mapping[str, Sequence[Import]] | None = None) -> Piece:
    """Read syntax without docstrings, comments, formatting and annotations.

    What stands in a class with bases or decorators keeps its annotations: dataclasses, pydantic and
    pandera compute with them. `around` are the imports of the functions around.
    """
    return _Reader(around or {}).read(items)


def read_definition(
    node: Definition, guards: Sequence[Item] = (), around: Mapping[str, Sequence[Import]] | None = None
) -> Piece:
    """Read a function or a class with its decorators apart, so that one can be left out."""
    reader = _Reader(around or {})
    whole = reader.read([*guards, *reader.undecorated(node)])
    decorators = tuple(read([decorator], around) for decorator in node.decorator_list)
    return Piece(whole.digest, whole.references, decorators)


def imports(node: ast.Import | ast.ImportFrom) -> Iterator[Import]:
    """Give what the statement imports."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield Import(node.module or "", alias.name, node.level)
        else:
            yield Import(alias.name)


def bound_by_import(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Import]]:
    """Give each name that the statement binds, and to what; "*" stands for all names of a module."""
    for alias, target in zip(node.names, imports(node), strict=True):
        top = alias.name.partition(".")[0]
        if isinstance(node, ast.Import) and not alias.asname:
            yield top, Import(top)  # `import a.b` binds `a`
        else:
            yield alias.asname or alias.name, target


def dotted(node: ast.AST) -> tuple[str, ...]:
    """Return ("a", "b", "c") for `a.b.c`, and () for what is no dotted name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else ()


@dataclass(slots=True)
class _Scope:
    """Python's scopes: a name that is bound in one is no reference, except in a class and outside."""

    kind: Literal["outside", "function", "comprehension", "class"]
    bound: set[str] = field(default_factory=set)
    imports: dict[str, list[Import]] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    loads: list[tuple[str, ...]] = field(default_factory=list)
    has_fields: bool = False


class _Reader:
    """One walk over syntax, without recursion, since code may be nested deeper than Python's stack."""

    def __init__(self, around: Mapping[str, Sequence[Import]]) -> None:
        outside = _Scope("outside", imports={name: list(known) for name, known in around.items()})
        self._scopes = [outside]
        self._text: list[str] = []
        self._found: dict[Reference, None] = {}

    def read(self, items: Sequence[Item]) -> Piece:
        stack: list[Item] = [*reversed(items)]
        while stack:
            item = stack.pop()
            if isinstance(item, str):
                self._text.append(item)
            elif isinstance(item, ast.AST):
                stack.extend(reversed(_READERS.get(type(item), _Reader.plain)(self, item)))
            else:
                item()
        self._leave()
        text = "\n".join(self._text)
        return Piece(sha256(text.encode("utf-8", "surrogatepass")).hexdigest(), tuple(self._found))

    def plain(self, node: ast.AST) -> list[Item]:
        items: list[Item] = [f"{type(node).__name__}("]
        for name in node._fields:
            if name not in _UNSAID:
                value = getattr(node, name, None)
                if isinstance(value, list):
                    items += ["[", *(_item(one) for one in value if not _says_nothing(one)), "]"]
                else:
                    items.append(_item(value))
        items.append(")")
        return items

    def constant(self, node: ast.Constant) -> list[Item]:
        # Past 4300 digits an int has no repr, but its literal may be hexadecimal.
        text = hex(node.value) if type(node.value) is int else repr(node.value)
        return [f"Constant {text}"]

    def name(self, node: ast.Name) -> list[Item]:
        if isinstance(node.ctx, ast.Load):
            self._scopes[-1].loads.append((node.id,))
        else:
            self._scopes[-1].bound.add(node.id)
        return [f"Name {node.id}"]

    def attribute(self, node: ast.Attribute) -> list[Item]:
        path = dotted(node)
        if not path:
            return self.plain(node)
        self._scopes[-1].loads.append(path)
        return [f"Name {'.'.join(path)}"]

    def named(self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar | ast.MatchMapping) -> list[Item]:
        name = node.rest if isinstance(node, ast.MatchMapping) else node.name
        if name is not None:
            self._scopes[-1].bound.add(name)
        return self.plain(node)

    def named_expression(self, node: ast.NamedExpr) -> list[Item]:
        around = next(scope for scope in reversed(self._scopes) if scope.kind != "comprehension")
        around.bound.add(node.target.id)
        return ["NamedExpr(", f"Name {node.target.id}", node.value, ")"]

    def declared_global(self, node: ast.Global) -> list[Item]:
        self._scopes[-1].globals.update(node.names)
        return self.plain(node)

    def importing(self, node: ast.Import | ast.ImportFrom) -> list[Item]:
        scope = self._scopes[-1]
        for name, target in bound_by_import(node):
            scope.bound.add(name)
            scope.imports.setdefault(name, []).append(target)
        return self.plain(node)

    def annotated(self, node: ast.AnnAssign) -> list[Item]:
        if self._scopes[-1].has_fields:
            return ["Field(", node.target, node.annotation, node.value or "~", ")"]
        if node.value is not None:
            return ["Assign(", "[", node.target, "]", node.value, ")"]
        if isinstance(node.target, ast.Name):
            self._scopes[-1].bound.add(node.target.id)
        return []

    def definition(self, node: Definition) -> list[Item]:
        return ["decorated[", *node.decorator_list, "]", *self.undecorated(node)]

    def undecorated(self, node: Definition) -> list[Item]:
        self._scopes[-1].bound.add(node.name)
        head = [f"{type(node).__name__} {node.name}"]
        if not isinstance(node, ast.ClassDef):
            return [*head, *self.routine(node)]
        fields = bool(node.bases or node.keywords or node.decorator_list)
        scope = _Scope("class", has_fields=fields)
        return [*head, "(", *node.bases, *node.keywords, ")", *self._inside(scope, node.body)]

    def routine(self, node: _Routine) -> list[Item]:
        """Defaults belong to the scope around, parameters to the one inside."""
        args = node.args
        defaults = [*args.defaults, "|", *(one or "~" for one in args.kw_defaults)]
        kinds = [
            [arg.arg for arg in some if arg is not None]
            for some in (args.posonlyargs, args.args, [args.vararg], args.kwonlyargs, [args.kwarg])
        ]
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        scope = _Scope("function", bound={name for names in kinds for name in names})
        # Which type a function of `functools.singledispatch` is for, is said by an annotation alone.
        types = [args.args[0].annotation] if _is_registered(node) and args.args else []
        return [repr(kinds), "(", *defaults, *(one for one in types if one), ")", *self._inside(scope, body)]

    def comprehension(self, node: _Comprehension) -> list[Item]:
        # Python evaluates the first iterable in the scope around.
        first = node.generators[0].iter
        return [first, lambda: self._scopes.append(_Scope("comprehension")), *self.plain(node), self._leave]

    def _inside(self, scope: _Scope, body: Iterable[ast.AST]) -> list[Item]:
        said = [node for node in body if not _says_nothing(node)]
        return [lambda: self._scopes.append(scope), "{", *said, "}", self._leave]

    def _leave(self) -> None:
        scope = self._scopes.pop()
        for path in scope.loads:
            name = path[0]
            if name in scope.globals:
                self._found[Reference(path)] = None
            elif name in scope.imports and scope.kind != "class":
                self._found.update((Reference(path, target), None) for target in scope.imports[name])
            elif scope.kind == "outside":
                self._found[Reference(path)] = None
            elif scope.kind == "class" or name not in scope.bound:
                self._scopes[-1].loads.append(path)


_UNSAID = frozenset({"ctx", "kind", "type_comment"})
_READERS: Mapping[type[ast.AST], Callable[..., list[Item]]] = {
    ast.Constant: _Reader.constant,
    ast.Name: _Reader.name,
    ast.Attribute: _Reader.attribute,
    ast.ExceptHandler: _Reader.named,
    ast.MatchAs: _Reader.named,
    ast.MatchStar: _Reader.named,
    ast.MatchMapping: _Reader.named,
    ast.NamedExpr: _Reader.named_expression,
    ast.Global: _Reader.declared_global,
    ast.Import: _Reader.importing,
    ast.ImportFrom: _Reader.importing,
    ast.AnnAssign: _Reader.annotated,
    ast.FunctionDef: _Reader.definition,
    ast.AsyncFunctionDef: _Reader.definition,
    ast.ClassDef: _Reader.definition,
    ast.Lambda: lambda reader, node: ["Lambda", *reader.routine(node)],
    ast.ListComp: _Reader.comprehension,
    ast.SetComp: _Reader.comprehension,
    ast.DictComp: _Reader.comprehension,
    ast.GeneratorExp: _Reader.comprehension,
}


def _item(value: object) -> Item:
    return value if isinstance(value, ast.AST) else repr(value)


def _says_nothing(node: object) -> bool:
    """True of docstrings, `...` and `pass`."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _is_registered(node: _Routine) -> bool:
    return not isinstance(node, ast.Lambda) and any(
        isinstance(one, ast.Attribute) and one.attr == "register" for one in node.decorator_list
    )
