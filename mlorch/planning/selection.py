"""Which assets are meant: the language of selections.

    *  name  prefix/name  "any text"  key:ml/*  group:x  tag:k  tag:k=v  kind:x  owner:x
    +x  ++x  2+x  *x      x and one level upstream, two, two, all
    x+  x++  x+2  x*      the same downstream
    not x  x and y  x or y  ( x )      in this order of strength, upper or lower case

Words of the language that are names, or names with a space in them, are quoted: group:"and".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from mlorch.errors import InvalidSelectionError, nearest

if TYPE_CHECKING:
    from mlorch.definitions.graph import AssetGraph, AssetNode


def select(expression: str | Sequence[str] | None, graph: AssetGraph) -> tuple[str, ...]:
    """Return the keys that are meant, in topological order; external assets are never among them.

    None means everything, several expressions mean their union. Each `+` is one level, everywhere.
    Raises InvalidSelectionError where an expression does not parse, where it names what does not exist,
    and where external assets are all that it finds.
    """
    nodes = graph.nodes
    expressions = ["*"] if expression is None else [expression] if isinstance(expression, str) else expression
    found = set().union(*(_Parser(one).parse().keys(graph) for one in expressions))
    chosen = tuple(key for key, node in nodes.items() if key in found and not node.is_external)
    if found and not chosen:
        one = min(found)
        raise InvalidSelectionError(
            f"{one!r} is external: it is made elsewhere; '{one}+' selects what reads it"
        )
    return chosen


# ----------------------------------------------------------------------------------------------- what is said
#
# A term may hold external assets, so that `source+` finds what reads `source`; only `select` leaves them out.


class _All:
    def keys(self, graph: AssetGraph) -> set[str]:
        return {key for key, node in graph.nodes.items() if not node.is_external}


@dataclass(frozen=True, slots=True)
class _Name:
    key: str

    def keys(self, graph: AssetGraph) -> set[str]:
        if self.key not in graph.nodes:
            hint = "" if self.key.endswith("/") else nearest(self.key, graph.nodes)
            hint = hint or self._wildcard(graph)
            raise InvalidSelectionError(f"there is no asset {self.key!r}{hint}")
        return {self.key}

    def _wildcard(self, graph: AssetGraph) -> str:
        """`ml/*` reads as all downstream of `ml/`; whoever writes it means something else."""
        if self.key and any(key.startswith(self.key) for key in graph.nodes):
            return f"; for a wildcard write key:{self.key}*"
        if self.key and any(key.endswith(self.key) for key in graph.nodes):
            return f"; for a wildcard write key:*{self.key}"
        return ""


@dataclass(frozen=True, slots=True)
class _Pattern:
    """`key:` with wildcards; each `*` stands for any text, slashes included."""

    text: str

    def keys(self, graph: AssetGraph) -> set[str]:
        pattern = re.compile(".*".join(map(re.escape, self.text.split("*"))))
        found = set(filter(pattern.fullmatch, graph.nodes))
        if not found:
            raise InvalidSelectionError(f"no asset has a key like {self.text!r}")
        return found


@dataclass(frozen=True, slots=True)
class _Label:
    attribute: str
    label: str

    def keys(self, graph: AssetGraph) -> set[str]:
        labels_of = _LABELS[self.attribute]
        found = {key for key, node in graph.nodes.items() if self.label in labels_of(node)}
        if not found:
            known = {label for node in graph.nodes.values() for label in labels_of(node)}
            raise InvalidSelectionError(
                f"no asset has the {self.attribute} {self.label!r}{nearest(self.label, known)}"
            )
        return found


_LABELS: Mapping[str, Callable[[AssetNode], Collection[str]]] = {
    "group": lambda node: (node.group,),
    "kind": lambda node: node.kinds,
    "owner": lambda node: node.owners,
    "tag": lambda node: (*node.tags, *(f"{name}={value}" for name, value in node.tags.items())),
}


@dataclass(frozen=True, slots=True)
class _Walk:
    """What `of` means, with `up` levels upstream and `down` levels downstream of it; None is all."""

    of: _Term
    up: int | None
    down: int | None

    def keys(self, graph: AssetGraph) -> set[str]:
        start = self.of.keys(graph)
        nodes = graph.nodes
        above = _reach(start, self.up, lambda key: nodes[key].upstream)
        below = _reach(start, self.down, lambda key: graph.downstream[key])
        return start | {key for key in above | below if not nodes[key].is_external}


@dataclass(frozen=True, slots=True)
class _Not:
    of: _Term

    def keys(self, graph: AssetGraph) -> set[str]:
        return graph.nodes.keys() - self.of.keys(graph)


@dataclass(frozen=True, slots=True)
class _And:
    terms: tuple[_Term, ...]

    def keys(self, graph: AssetGraph) -> set[str]:
        return set.intersection(*(term.keys(graph) for term in self.terms))


@dataclass(frozen=True, slots=True)
class _Or:
    terms: tuple[_Term, ...]

    def keys(self, graph: AssetGraph) -> set[str]:
        return set().union(*(term.keys(graph) for term in self.terms))


_Term = _All | _Name | _Pattern | _Label | _Walk | _Not | _And | _Or


def _reach(start: set[str], levels: int | None, nexts: Callable[[str], Iterable[str]]) -> set[str]:
    reached = set(start)
    edge = start
    while edge and levels != 0:
        edge = {found for key in edge for found in nexts(key)} - reached
        reached |= edge
        levels = levels if levels is None else levels - 1
    return reached


# --------------------------------------------------------------------------------------------- how it is read

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[^\s()\"'+*,:=]+")
_KEY_PATTERN = re.compile(r"[^\s()\"'+,]+")
_VALUE = re.compile(r"[^\s()\"'+*,]+")
_TAG = re.compile(r"[^\s()\"'+*,=]+")
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_BEFORE = re.compile(r"(\d+)\+(?=[^\s)+*,])|(\++)|(\*)(?=[^\s)+*,])")
_AFTER = re.compile(r"\+(\d+)(?![^\s)])|(\++)|(\*)")
_COLON = re.compile(":")
_EQUALS = re.compile("=")
_OPERATORS = ("and", "or", "not")


class _Parser:
    """Recursive descent over one expression; `_at` is the column that comes next."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def parse(self) -> _Term:
        term = self._either()
        if self._peek():
            self._fail("expected 'and' or 'or'")
        return term

    def _either(self) -> _Term:
        terms = [self._both()]
        while self._take("or"):
            terms.append(self._both())
        return terms[0] if len(terms) == 1 else _Or(tuple(terms))

    def _both(self) -> _Term:
        terms = [self._negated()]
        while self._take("and"):
            terms.append(self._negated())
        return terms[0] if len(terms) == 1 else _And(tuple(terms))

    def _negated(self) -> _Term:
        return _Not(self._negated()) if self._take("not") else self._walk()

    def _walk(self) -> _Term:
        self._peek()
        up = self._levels(_BEFORE)
        term = self._single()
        down = self._levels(_AFTER)
        return term if up == down == 0 else _Walk(term, up, down)

    def _levels(self, pattern: re.Pattern[str]) -> int | None:
        found = self._match(pattern)
        if found is None:
            return 0
        number, pluses, star = found.groups()
        return None if star else int(number) if number else len(pluses)

    def _single(self) -> _Term:
        if self._text.startswith("*", self._at):
            self._at += 1
            return _All()
        if self._text.startswith("(", self._at):
            return self._group()
        start = self._at
        quoted = self._quoted()
        if quoted is not None:
            return _Name(quoted)
        word = self._match(_WORD)
        if word is None or word[0].lower() in _OPERATORS:
            self._fail("expected an asset, a filter such as group:x, 'not' or '('", start)
        return self._filter(word[0], start) if self._match(_COLON) else _Name(word[0])

    def _group(self) -> _Term:
        start = self._at
        self._at += 1
        term = self._either()
        if self._peek() != ")":
            self._fail("expected 'and', 'or' or ')'" if self._peek() else "this '(' is never closed", start)
        self._at += 1
        return term

    def _filter(self, attribute: str, start: int) -> _Term:
        if attribute == "key":
            key = self._value(_KEY_PATTERN)
            return _Pattern(key) if "*" in key else _Name(key)
        if attribute not in _LABELS:
            known = ("key", *_LABELS)
            hint = nearest(attribute, known) or "; there are " + ", ".join(f"{one}:" for one in known)
            self._fail(f"there is no filter {attribute!r}{hint}", start)
        label = self._value(_TAG if attribute == "tag" else _VALUE)
        if attribute == "tag" and self._match(_EQUALS):
            label += f"={self._value(_VALUE)}"
        return _Label(attribute, label)

    def _value(self, bare: re.Pattern[str]) -> str:
        quoted = self._quoted()
        if quoted is not None:
            return quoted
        found = self._match(bare)
        if found is None:
            self._fail("expected a value; one that is empty or has a space, '+' or '*' in it needs quotes")
        return found[0]

    def _quoted(self) -> str | None:
        found = self._match(_QUOTED)
        if found is not None:
            return found[1] if found[1] is not None else found[2]
        if self._text[self._at : self._at + 1] in ("'", '"'):
            self._fail("this quote is never closed")
        return None

    def _peek(self) -> str:
        """Skip white space; return the character that comes next, or "" at the end."""
        self._match(_SPACE)
        return self._text[self._at : self._at + 1]

    def _take(self, operator: str) -> bool:
        self._peek()
        found = _WORD.match(self._text, self._at)
        if found is None or found[0].lower() != operator:
            return False
        self._at = found.end()
        return True

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
        return found

    def _fail(self, what: str, at: int | None = None) -> NoReturn:
        at = self._at if at is None else at
        if self._text[at : at + 1] == ",":
            what = "a comma joins nothing: write 'or', or give a list"
        line = re.sub(r"\s", " ", self._text)
        raise InvalidSelectionError(f"the selection does not parse: {what}\n    {line}\n    {' ' * at}^")
