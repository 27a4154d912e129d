"""What is written differently and means the same has the same fingerprint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

FingerprintOf = Callable[..., str]

FACTORY = """
def make():
    from mlorch import asset
    @asset
    def g(): return 1
    return g
f = make()
"""
DISPATCHED = """
from functools import singledispatch
@singledispatch
def g(x): return 0
@g.register
def _(x: int): return 1
def f(x): return g(x)
"""
SAME = {
    "docstring": ('def f():\n    "It."\n    return 1', "def f():\n    return 1"),
    "nothing but a docstring": ('def f():\n    """It."""', "def f(): pass"),
    "dots": ("def f(): ...", "def f():\n    pass\n    pass"),
    "class docstring": ('class f:\n    "It."\n    k = 1\n    "That."', "class f:\n    k = 1"),
    "comments": ("# a\ndef f():  # b\n    # c\n    return 1  # d", "def f():\n\n    return 1"),
    "layout": ("def f(a, b): return (a +\n  b)", "def f(\n    a,\n    b,\n):\n        return a+b"),
    "quotes": ("def f(): return 'a' 'b', f'{1}'", 'def f(): return ("ab", f"""{ 1 }""")'),
    "numbers": ("def f(): return 1_000, 0x10, 1e3", "def f(): return 1000, 16, 1000.0"),
    "line endings": ("def f():\n    return '''a\nb'''\n", "def f():\r\n    return '''a\r\nb'''\r\n"),
    "byte order mark": ("def f(): return 1", "\ufeffdef f(): return 1"),
    "encoding": ("def f(): return 'é'", "# -*- coding: utf-8 -*-\ndef f(): return '\\xe9'"),
    "annotations": (
        "def f(a: int, *b: str, c: 'X' = 1, **d: 'A') -> list[int]:\n    e: int = a\n    g: B\n    return e",
        "def f(a, *b, c=1, **d):\n    e = a\n    return e",
    ),
    "annotated constant": (
        "from typing import Final\nK: Final = 1\ndef f(): return K",
        "K = 1\ndef f(): return K",
    ),
    "constant annotated elsewhere": ("K: int\nK = 1\ndef f(): return K", "K = 1\ndef f(): return K"),
    "overloads": (
        "from typing import overload\n@overload\ndef g(x: int): ...\ndef g(x): return x\nf = g",
        "def g(x): return x\nf = g",
    ),
    "annotations of a plain class": (
        "class C:\n    k: int = 1\n    j: str\n    def m(self) -> int: ...\ndef f(): return C",
        "class C:\n    k = 1\n    def m(self): ...\ndef f(): return C",
    ),
    "other names of the same decorator of mlorch": (
        "from mlorch import asset\n@asset(description='a', tags={'b': 'c'})\ndef f(): return 1",
        "import mlorch as m\n@m.asset(group_name='d', code_version=m.AUTO)\ndef f(): return 1",
    ),
    "decorator of mlorch": ("from mlorch import asset\n@asset\ndef f(): return 1", "def f(): return 1"),
    "decorator of mlorch with a constant": (
        "from mlorch import asset\nK = 'a'\n@asset(group_name=K)\ndef f(): return 1",
        "from mlorch import asset\nK = 'b'\n@asset(group_name=K)\ndef f(): return 1",
    ),
    "decorator of mlorch in a factory": (FACTORY, FACTORY.replace("@asset", "@asset(group_name='b')")),
}
DIFFERENT = {
    "a decorator of the user's own beside mlorch's": (
        "from mlorch import asset\nd = lambda g: g\n@asset\n@d\ndef f(): return 1",
        "from mlorch import asset\n@asset\ndef f(): return 1",
    ),
    "1 and True": ("def f(): return 1", "def f(): return True"),
    "1 and 1.0": ("def f(): return 1", "def f(): return 1.0"),
    "text and bytes": ("def f(): return 'a'", "def f(): return b'a'"),
    "order": ("def f(a, b): return a - b", "def f(a, b): return b - a"),
    "brackets": ("def f(a): return (a + 1) * 2", "def f(a): return a + 1 * 2"),
    "nesting": (
        "def f(a):\n    if a:\n        a = 1\n    return a",
        "def f(a):\n    if a:\n        a = 1\n        return a",
    ),
    "kinds of parameters": ("def f(a, /, b): return a", "def f(a, b): return a"),
    "text that looks like syntax": ("def f(): return ['a', 'b']", """def f(): return ["a', 'b"]"""),
    "generator": ("def f(): return [1]", "def f(): yield [1]"),
    "async": ("def f(): return 1", "async def f(): return 1"),
    "a number without a decimal text": (
        f"def f(): return 0x{'1' * 5000}",
        f"def f(): return 0x{'1' * 4999}2",
    ),
    "a type that a function is for": (DISPATCHED, DISPATCHED.replace("int", "str")),
}


@pytest.mark.parametrize(("text", "other"), [pytest.param(*pair, id=name) for name, pair in SAME.items()])
def test_the_same(fingerprint_of: FingerprintOf, text: str, other: str) -> None:
    assert fingerprint_of(text) == fingerprint_of(other)


@pytest.mark.parametrize(
    ("text", "other"), [pytest.param(*pair, id=name) for name, pair in DIFFERENT.items()]
)
def test_not_the_same(fingerprint_of: FingerprintOf, text: str, other: str) -> None:
    assert fingerprint_of(text) != fingerprint_of(other)


def test_code_may_be_nested_deeper_than_the_stack(fingerprint_of: FingerprintOf) -> None:
    deep = "def f(a): return a" + " + a" * 700
    assert fingerprint_of(deep) != fingerprint_of(f"{deep} + 1")


@dataclass(frozen=True)
class Style:
    indent: int
    comment: str
    docstring: str
    is_annotated: bool
    is_spread: bool
    newline: str


STYLES = st.builds(
    Style,
    indent=st.integers(1, 9),
    comment=st.sampled_from(["", "# said", "# def g0(x): return 0", "#" * 20]),
    docstring=st.sampled_from(["", '"It."', '"""Two\n\nlines: K = 7\n"""', "r'\\d'"]),
    is_annotated=st.booleans(),
    is_spread=st.booleans(),
    newline=st.sampled_from(["\n", "\r\n"]),
)
CONSTANTS = st.lists(
    st.one_of(
        st.integers(), st.floats(allow_nan=False), st.text(max_size=5), st.binary(max_size=5), st.none()
    ),
    min_size=1,
    max_size=4,
)


def module(constants: list[object], style: Style) -> str:
    """Functions `g0`, `g1`, … of which each calls the next, and `f`, which calls the first."""
    lines = [f"def g{len(constants)}(x): return x"]
    for number, constant in reversed(list(enumerate(constants))):
        lines += routine(f"g{number}", f"g{number + 1}", constant, style)
    lines += routine("f", "g0", "end", style)
    return style.newline.join("\n".join(lines).split("\n")) + style.newline


def routine(name: str, called: str, constant: object, style: Style) -> list[str]:
    indent = " " * style.indent
    annotated = ("x: 'int | str' = 1", " -> object") if style.is_annotated else ("x = 1", "")
    gap = f"  {style.comment}\n\n{indent * 2}" if style.is_spread else " "
    return [
        *(["", style.comment, ""] if style.is_spread else []),
        f"def {name}({annotated[0]}){annotated[1]}:  {style.comment}",
        *([indent + style.docstring] if style.docstring else []),
        f"{indent}k{': object' if style.is_annotated else ''} = {constant!r}",
        f"{indent}return ({gap}k,{gap}{called}(x))",
    ]


@settings(max_examples=25, deadline=None)
@given(CONSTANTS, STYLES, STYLES)
def test_style_never_matters(
    fingerprint_of: FingerprintOf, constants: list[object], style: Style, other: Style
) -> None:
    assert fingerprint_of(module(constants, style)) == fingerprint_of(module(constants, other))


@settings(max_examples=25, deadline=None)
@given(CONSTANTS, STYLES, st.data())
def test_a_constant_always_matters(
    fingerprint_of: FingerprintOf, constants: list[object], style: Style, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(constants) - 1))
    new = data.draw(
        CONSTANTS.map(lambda some: some[0]).filter(lambda one: repr(one) != repr(constants[place]))
    )
    changed = [*constants[:place], new, *constants[place + 1 :]]
    assert fingerprint_of(module(constants, style)) != fingerprint_of(module(changed, style))
