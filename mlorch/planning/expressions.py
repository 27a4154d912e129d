"""The language of selections, read into an `AssetSelection`.

    *  name  prefix/name  "any text"
    key:ml/*  group:x  tag:k  tag:k=v  kind:x  owner:x  is:external
    +x   1+x  2+x   x and all that is upstream of it, one level, two levels
    x+   x+1  x+2   the same downstream; *x and x* are other spellings of +x and x+
    roots(x)  sinks(x)
    not x  x and y  x or y  ( x )      in this order of strength, upper or lower case

In the value of a filter a `*` stands for any text. Words of the language that are names, and names with a
space in them, are quoted: group:"and". The value <null> finds what has none: owner:<null>.
"""

from __future__ import annotations

import re
from typing import NoReturn

from mlorch.definitions.selections import AssetSelection
from mlorch.errors import InvalidSelectionError, nearest

FILTERS = ("key", "group", "tag", "kind", "owner", "is")
FUNCTIONS = ("roots", "sinks")

_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"[\w./-]+")
_WORD = re.compile(r"[^\s()\"'+*,:=]+")
_VALUE = re.compile(r"[^\s()\"'+,]+")
_TAG = re.compile(r"[^\s()\"'+,=]+")
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_BEFORE = re.compile(r"(\d+)\+(?=[^\s)+*,])|\+|(?:\*)(?=[^\s)+*,])")
_AFTER = re.compile(r"\+(\d+)(?![^\s)])|\+|\*")
_COLON = re.compile(":")
_EQUALS = re.compile("=")
_OPERATORS = ("and", "or", "not")


def parse(text: str) -> AssetSelection:
    """Read one expression. Raises InvalidSelectionError, pointing at the place, where it does not parse."""
    if _NAME.fullmatch(text) and text.lower() not in _OPERATORS:
        return AssetSelection("keys", (text,))
    return _Parser(text).parse()


class _Parser:
    """Recursive descent over one expression; `_at` is the column that comes next."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def parse(self) -> AssetSelection:
        found = self._either()
        if self._peek():
            self._fail("expected 'and' or 'or'")
        return found

    def _either(self) -> AssetSelection:
        found = self._both()
        while self._take("or"):
            found |= self._both()
        return found

    def _both(self) -> AssetSelection:
        found = self._negated()
        while self._take("and"):
            found &= self._negated()
        return found

    def _negated(self) -> AssetSelection:
        return AssetSelection("not", (self._negated(),)) if self._take("not") else self._walk()

    def _walk(self) -> AssetSelection:
        self._peek()
        up = self._levels(_BEFORE, "2+x")
        found = self._single()
        down = self._levels(_AFTER, "x+2")
        return found if up == down == 0 else AssetSelection("walk", (found, up, down, True))

    def _levels(self, pattern: re.Pattern[str], example: str) -> int | None:
        found = self._match(pattern)
        if found is None:
            return 0
        if found[0] == "+" and self._text.startswith("+", self._at):
            which = "upstream" if pattern is _BEFORE else "downstream"
            self._fail(f"one '+' is all that is {which}; two levels are {example}", found.start())
        return int(found[1]) if found[1] else None

    def _single(self) -> AssetSelection:
        if self._text.startswith("*", self._at):
            self._at += 1
            return AssetSelection.all()
        if self._text.startswith("(", self._at):
            return self._group()
        start = self._at
        quoted = self._quoted()
        if quoted is not None:
            return AssetSelection("keys", (quoted,))
        word = self._match(_WORD)
        if word is None or word[0].lower() in _OPERATORS:
            self._fail("expected an asset, a filter such as group:x, 'not' or '('", start)
        if self._match(_COLON):
            return self._filter(word[0], start)
        if self._text.startswith("(", self._at):
            return self._function(word[0], start)
        return AssetSelection("keys", (word[0],))

    def _group(self) -> AssetSelection:
        start = self._at
        self._at += 1
        found = self._either()
        if self._peek() != ")":
            self._fail("expected 'and', 'or' or ')'" if self._peek() else "this '(' is never closed", start)
        self._at += 1
        return found

    def _function(self, name: str, start: int) -> AssetSelection:
        if name not in FUNCTIONS:
            hint = nearest(name, FUNCTIONS) or f"; there are {' and '.join(FUNCTIONS)}"
            self._fail(f"there is no function {name!r}{hint}", start)
        return AssetSelection(name, (self._group(),))

    def _filter(self, attribute: str, start: int) -> AssetSelection:
        if attribute not in FILTERS:
            hint = nearest(attribute, FILTERS) or "; there are " + ", ".join(f"{one}:" for one in FILTERS)
            self._fail(f"there is no filter {attribute!r}{hint}", start)
        label = self._value(_TAG if attribute == "tag" else _VALUE)
        if attribute == "key":
            return AssetSelection("pattern" if "*" in label else "keys", (label,))
        if attribute == "is":
            if label != "external":
                self._fail(f"an asset is:external or it isn't; there is no is:{label}", start)
            return AssetSelection("external")
        if attribute == "tag" and self._match(_EQUALS):
            label += f"={self._value(_VALUE)}"
        return AssetSelection("labels", (attribute, (label,), False))

    def _value(self, bare: re.Pattern[str]) -> str:
        quoted = self._quoted()
        if quoted is not None:
            return quoted
        found = self._match(bare)
        if found is None:
            self._fail("expected a value; one that is empty or has a space or '+' in it needs quotes")
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
