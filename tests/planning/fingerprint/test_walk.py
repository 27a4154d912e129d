"""Whatever a function reaches in its project, a change of it changes the fingerprint."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

FingerprintOf = Callable[..., str]

# In each, `1` stands at one place in what `f` reaches, and nowhere else.
ONE_MODULE = {
    "its own body": "def f():\n    return 1",
    "a helper": "def g():\n    return 1\ndef f():\n    return g()",
    "a helper of a helper": "def h():\n    return 1\ndef g():\n    return h()\ndef f():\n    return g()",
    "a helper inside a nested function": """
def g(): return 1
def f():
    def inner():
        return [g() for _ in "ab"]
    return inner()
""",
    "helpers that call each other": """
def odd(n): return n and even(n - 2)
def even(n): return n or odd(n - 1)
def f(n): return f(n) + odd(n)
""",
    "a constant": "K = 1\ndef f():\n    return K",
    "a constant made of constants": "A = 1\nB = [A]\ndef f():\n    return B",
    "a constant that is added to": "K = 0\nK += 1\ndef f():\n    return K",
    "a table filled by item": "T = {}\nT['a'] = 1\ndef f():\n    return T",
    "a table filled by method": "T = {}\nT.update(a=1)\ndef f():\n    return T",
    "a list filled in a loop": "L = []\nfor x in 'ab':\n    L.append(x + '1')\ndef f():\n    return L",
    "a constant made in a block": """
from contextlib import suppress
with suppress(ValueError):
    K = 1
def f(): return K
""",
    "the condition of a constant": """
import sys
if sys.maxsize > 1: K = "a"
else: K = "b"
def f(): return K
""",
    "what an error leads to": "try:\n    K = undefined\nexcept NameError:\n    K = 1\ndef f():\n    return K",
    "a method": "class C:\n    def m(self):\n        return 1\ndef f():\n    return C().m()",
    "a base class": "class B:\n    k = 1\nclass C(B):\n    pass\ndef f():\n    return C().k",
    "what an attribute of a class reaches": "K = 1\nclass C:\n    k = K\ndef f():\n    return C.k",
    "a field's default": """
from dataclasses import dataclass
@dataclass
class C:
    k: int = 1
def f(): return C()
""",
    "a field's type": """
from dataclasses import dataclass
from typing import Annotated
@dataclass
class C:
    k: Annotated[int, 1]
def f(): return C(2)
""",
    "its decorator": "def d(g):\n    return lambda: g() + 1\n@d\ndef f():\n    return 0",
    "what is decorated": "def d(g):\n    return lambda: g()\n@d\ndef f():\n    return 1",
    "its decorator, which wraps": """
from functools import wraps
def d(g):
    @wraps(g)
    def run():
        return g() + 1
    return run
@d
def f(): return 0
""",
    "what is decorated and wrapped": """
from functools import wraps
def d(g):
    @wraps(g)
    def run():
        return g()
    return run
@d
def f(): return 1
""",
    "what its decorator is given": """
K = 1
def d(k):
    return lambda g: lambda: g() + k
@d(K)
def f(): return 0
""",
    "a helper's decorator": """
def d(g): return lambda: g() + 1
@d
def g(): return 0
def f(): return g()
""",
    "a decorator of the standard library around it": """
from functools import lru_cache
@lru_cache
def f(): return 1
""",
    "a default value": "K = 1\ndef f(k=K):\n    return k",
    "a keyword's default value": "K = 1\ndef f(*, k=K):\n    return k",
    "a value in its closure": "def make(k):\n    def g():\n        return k\n    return g\nf = make(1)",
    "a function in its closure": """
def h(): return 1
def make(k):
    def g(): return k()
    return g
f = make(h)
""",
    "a default value given by the function around": """
def make(k):
    def g(x=k): return x
    return g
f = make(1)
""",
    "a partial application": "from functools import partial\ndef g(k):\n    return k\nf = partial(g, 1)",
    "what is applied partially": "from functools import partial\ndef g(k): return k + 1\nf = partial(g, 2)",
    "a partial application as a helper": """
from functools import partial
def g(k): return k
h = partial(g, 1)
def f(): return h()
""",
    "itself as a lambda": "f = lambda: 1",
    "one of two lambdas on a line": "f, g = lambda: 1, lambda: 2",
    "a lambda in a lambda": "f = (lambda: (lambda: 1))()",
    "a lambda as a helper": "g = lambda: 1\ndef f():\n    return g()",
    "a function for a type": """
from functools import singledispatch
@singledispatch
def g(x): return 0
@g.register
def _(x: int): return 1
def f(): return g(2)
""",
    "the object that is called": """
class C:
    def __init__(self, k): self.k = k
    def __call__(self): return self.k
f = C(1)
""",
    "the class of the object that is called": "class C:\n    def __call__(self):\n        return 1\nf = C()",
    "the object of a method": """
class C:
    def __init__(self, k): self.k = k
    def m(self): return self.k
f = C(1).m
""",
    "a class inside of a function": """
def make(k):
    class C:
        def m(self): return k
    def g(): return C().m()
    return g
f = make(1)
""",
    "a base of a class inside of a function": """
class B:
    def m(self): return 1
def make():
    class C(B):
        def m(self): return super().m()
    return C().m
f = make()
""",
    "itself as a class": "class f:\n    k = 1",
    "what an assignment in an expression is made of": """
K = 1
def f(): return [y for x in "ab" if (y := K)]
""",
    "a global that a comprehension is named like": "K = 'a1'\ndef f():\n    return [K for K in K]",
    "a global past a local of the same name": """
K = 1
def f():
    K = 2
    def g():
        global K
        return K
    return g()
""",
}

HELPERS = "K = 1\ndef g():\n    return K\n"
MODULES: dict[str, tuple[Mapping[str, str], str]] = {
    "import helpers": ({"helpers.py": HELPERS}, "import helpers\ndef f(): return helpers.g()"),
    "import as": ({"helpers.py": HELPERS}, "import helpers as h\ndef f(): return h.g()"),
    "from import": ({"helpers.py": HELPERS}, "from helpers import g\ndef f(): return g()"),
    "from import as": ({"helpers.py": HELPERS}, "from helpers import g as h\ndef f(): return h()"),
    "star": ({"helpers.py": HELPERS}, "from helpers import *\ndef f(): return g()"),
    "stars in a circle": (
        {"helpers.py": "from again import *\n" + HELPERS, "again.py": "from helpers import *\n"},
        "from again import *\ndef f(): return g()",
    ),
    "dotted": (
        {"p/__init__.py": "", "p/helpers.py": HELPERS},
        "import p.helpers\ndef f(): return p.helpers.g()",
    ),
    "dotted in a namespace": ({"n/helpers.py": HELPERS}, "import n.helpers\ndef f(): return n.helpers.g()"),
    "through a package": (
        {"p/__init__.py": "from .helpers import g", "p/helpers.py": HELPERS},
        "import p\ndef f(): return p.g()",
    ),
    "a module through a package": (
        {"p/__init__.py": "from . import helpers", "p/helpers.py": HELPERS},
        "from p import helpers as h\ndef f(): return h.g()",
    ),
    "inside of the function": (
        {"helpers.py": HELPERS},
        "def f():\n    from helpers import g\n    return g()",
    ),
    "inside of the function around": (
        {"helpers.py": HELPERS},
        "def make():\n    import helpers\n    def h(): return helpers.g()\n    return h\nf = make()",
    ),
    "a decorator imported by the function around": (
        {"helpers.py": "def d(f):\n    f.k = 1\n    return f\n"},
        "def make():\n    from helpers import d\n    @d\n    def h(): return 0\n    return h\nf = make()",
    ),
    "the module as a value": (
        {"helpers.py": HELPERS},
        "import helpers\ndef f(): return getattr(helpers, 'g')()",
    ),
    "under a condition": (
        {"helpers.py": "def g(): return 3", "others.py": "def g(): return 4"},
        "if 1:\n    from helpers import g\nelse:\n    from others import g\ndef f(): return g()",
    ),
    "either of two": (
        {"helpers.py": HELPERS},
        "try:\n    from missing import g\nexcept ImportError:\n    from helpers import g\nf = g",
    ),
    "not yet imported": ({"helpers.py": HELPERS}, "def f():\n    import helpers as h\n    return h.g()"),
    "not yet imported in a package": (
        {"p/__init__.py": "", "p/helpers.py": HELPERS},
        "def f():\n    import p.helpers\n    return p.helpers.g()",
    ),
}
INSIDE_A_PACKAGE = {
    "from . import": "from . import helpers\ndef f(): return helpers.g()",
    "from .helpers import": "from .helpers import g\ndef f(): return g()",
    "from . import inside of the function": "def f():\n    from . import helpers\n    return helpers.g()",
    "from .. import": "from ..p.helpers import g\ndef f(): return g()",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in ONE_MODULE.items()])
def test_a_change_in_the_module_is_seen(fingerprint_of: FingerprintOf, text: str) -> None:
    before, again, after = (fingerprint_of(one) for one in (text, text, text.replace("1", "7")))
    assert before == again != after


@pytest.mark.parametrize(
    ("files", "text"), [pytest.param(files, text, id=name) for name, (files, text) in MODULES.items()]
)
def test_a_change_in_another_module_is_seen(
    fingerprint_of: FingerprintOf, files: Mapping[str, str], text: str
) -> None:
    project = {**files, "assets.py": text}
    changed = {path: one.replace("1", "0") for path, one in project.items()}
    before, again, after = (fingerprint_of(one) for one in (project, project, changed))
    assert before == again != after


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in INSIDE_A_PACKAGE.items()])
def test_a_change_behind_a_relative_import_is_seen(fingerprint_of: FingerprintOf, text: str) -> None:
    project = {"q/p/__init__.py": "", "q/p/helpers.py": HELPERS, "q/p/assets.py": text, "q/__init__.py": ""}
    changed = {**project, "q/p/helpers.py": HELPERS.replace("1", "2")}
    before, again, after = (fingerprint_of(one, "q.p.assets:f") for one in (project, project, changed))
    assert before == again != after


@pytest.mark.parametrize(
    ("text", "other"),
    [
        pytest.param(
            "def g(): return 1\ndef f(g): return g", "def g(): return 2\ndef f(g): return g", id="argument"
        ),
        pytest.param(
            "g = 1\ndef f(x):\n    g = x\n    return g",
            "g = 2\ndef f(x):\n    g = x\n    return g",
            id="variable",
        ),
        pytest.param(
            "def f(): return 0\ndef g(): return 1", "def f(): return 0\ndef g(): return 2", id="unused"
        ),
        pytest.param("def f(): return 0", "import numpy\ndef f(): return 0", id="unused import"),
        pytest.param(
            "K = 1\ndef f(): return K\nif __name__ == '__main__':\n    K = 2",
            "K = 1\ndef f(): return K\nif __name__ == '__main__':\n    K = 3",
            id="what only a script does",
        ),
        pytest.param(
            "def use():\n    global K\n    K = 1\nuse()\ndef f(): return K",
            "def use():\n    global K\n    K = 1\ndef f(): return K",
            id="what a function sets",
        ),
    ],
)
def test_what_it_does_not_reach_does_not_count(fingerprint_of: FingerprintOf, text: str, other: str) -> None:
    assert fingerprint_of(text) == fingerprint_of(other)


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("from math import sin as g\ndef f(): return g(1)", "sin", "cos"),
        ("import math as m\ndef f(): return m.sin(1)", "m.sin", "m.cos"),
        ("from pytest import raises as g\ndef f(): return g()", "raises", "warns"),
    ],
)
def test_other_peoples_code_counts_by_its_name(
    fingerprint_of: FingerprintOf, text: str, old: str, new: str
) -> None:
    assert fingerprint_of(text) != fingerprint_of(text.replace(old, new))


def test_where_code_stands_does_not_count(fingerprint_of: FingerprintOf) -> None:
    together = "K = 1\ndef g(): return K\ndef f(): return g()"
    apart = {
        "deep/er/constants.py": "K = 1",
        "deep/er/helpers.py": "# nothing else\nfrom .constants import K\ndef g(): return K",
        "deep/assets.py": "from deep.er.helpers import g\ndef f(): return g()",
    }
    assert fingerprint_of(together) == fingerprint_of(apart, "deep.assets:f")


def test_equal_names_of_different_helpers_are_told_apart(fingerprint_of: FingerprintOf) -> None:
    project = {
        "a.py": "def g(): return 1",
        "b.py": "def g(): return 2",
        "assets.py": "import a as x, b as y\ndef f(): return x.g() - y.g()",
    }
    swapped = {**project, "assets.py": "import b as x, a as y\ndef f(): return x.g() - y.g()"}
    assert fingerprint_of(project) != fingerprint_of(swapped)


def test_a_long_chain_of_helpers_has_an_end(fingerprint_of: FingerprintOf) -> None:
    chain = "".join(f"def g{i}(n): return g{i + 1}(n)\n" for i in range(1100))
    text = f"{chain}def g1100(n): return n + 1\ndef f(): return g0(2)"
    assert fingerprint_of(text) != fingerprint_of(text.replace("n + 1", "n + 2"))


def test_a_model_that_a_function_makes_is_the_same_each_time(
    fingerprint_of: FingerprintOf,
) -> None:
    text = (
        "from pydantic import BaseModel\n"
        "def make():\n"
        "    class Rate(BaseModel):\n"
        "        rate: float = 0.5\n"
        "        def twice(self): return self.rate * 2\n"
        "    return lambda: Rate().twice()\n"
        "f = make()\n"
    )
    assert fingerprint_of(text) == fingerprint_of(text)
    assert fingerprint_of(text) != fingerprint_of(text.replace("self.rate * 2", "self.rate * 3"))
    assert fingerprint_of(text) != fingerprint_of(text.replace("0.5", "0.6"))
