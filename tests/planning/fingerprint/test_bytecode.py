"""Functions without source count by their code."""

from __future__ import annotations

from typing import Any

import pytest

from mlorch.planning.fingerprint import fingerprint


def executed(text: str, name: str = "f") -> Any:
    namespace = {"__name__": "a notebook"}
    exec(text, namespace)
    return namespace[name]


@pytest.mark.parametrize(
    "text",
    [
        "def f(): return 1",
        "def f(a): return a in {1, 2}",
        "def f(): return [x + 1 for x in 'ab']",
        "def f():\n    def g(): return 1\n    return g()",
        "def g(): return 1\ndef f(): return g()",
        "K = 1\ndef f(): return K",
        "K = {'a': [1]}\ndef f(): return K['a']",
        "def f(a=1): return a",
        "def make(a):\n    def g(): return a\n    return g\nf = make(1)",
        "class C:\n    k = 1\ndef f(): return C.k",
        "class C:\n    def m(self): return 1\ndef f(): return C().m()",
        "class B:\n    k = 1\nclass C(B): pass\ndef f(): return C.k",
        "class C:\n    @property\n    def m(self): return 1\ndef f(): return C().m",
        "class C:\n    @staticmethod\n    def m(): return 1\ndef f(): return C.m()",
        "def odd(n): return n and even(n - 1)\ndef even(n): return n or odd(n)\ndef f(): return odd(3)",
    ],
)
def test_a_change_is_seen(text: str) -> None:
    before, again, after = (fingerprint(executed(one)) for one in (text, text, text.replace("1", "7")))
    assert before == again != after


def test_lines_and_docstrings_do_not_count() -> None:
    other = (
        'def f():\n    "It."\n\n    # why\n    def g():\n        "That."\n        return 1\n    return g()'
    )
    plain = "def f():\n    def g():\n        return 1\n    return g()"
    assert fingerprint(executed(other)) == fingerprint(executed(plain))


def test_what_is_taken_from_a_module_counts() -> None:
    text = "import math\ndef f(): return math.sin(1) + f()"
    assert fingerprint(executed(text)) != fingerprint(executed(text.replace("sin", "cos")))
    assert fingerprint(executed(text)) != fingerprint(
        executed(text.replace("import math", "import cmath as math"))
    )
