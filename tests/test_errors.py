"""The errors: one tree, drawn where it stands, with an exit code for each; and the nearest name."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest

from mlorch import errors
from mlorch.errors import MlorchError, SchemaError, UserError, nearest

EXIT_CODES = {
    "UserError": 2,
    "SchemaError": 1,
    "ResourceError": 1,
    "WorkerError": 1,
    "StepTimeoutError": 1,
    "RunFailedError": 1,
}
CLASSES: dict[str, Any] = {
    name: one for name, one in vars(errors).items() if inspect.isclass(one) and issubclass(one, MlorchError)
}


def drawn() -> dict[str, str]:
    """The parent of each error, as the docstring of the module draws them."""
    found: dict[str, str] = {}
    path: list[str] = []
    for line in inspect.getdoc(errors).splitlines():
        name = line.lstrip(" │├└─").partition(" ")[0]
        if name.endswith("Error") and name.isidentifier():
            depth = (len(line) - len(line.lstrip(" │├└─"))) // 4
            path[depth - 1 :] = [name]
            found[name] = path[depth - 2] if depth > 1 else ""
    return found


def test_the_tree_is_drawn_as_it_is():
    actual = {name: one.__base__.__name__ for name, one in CLASSES.items() if one is not MlorchError}
    assert drawn() == {"MlorchError": "", **actual}


@pytest.mark.parametrize("name", CLASSES)
def test_each_error_has_the_exit_code_of_its_branch_and_says_when_it_is_raised(name):
    error = CLASSES[name]
    branch = next((each.__name__ for each in error.__mro__ if each.__name__ in EXIT_CODES), "")
    assert error.exit_code == EXIT_CODES.get(branch, 3)
    assert inspect.getdoc(error)


def test_a_broken_schema_travels_between_processes_with_its_report():
    error = pickle.loads(pickle.dumps(SchemaError("2 failures", {"counts": {"rate": 2}})))
    assert (str(error), error.report) == ("2 failures", {"counts": {"rate": 2}})


def test_errors_of_the_user_are_told_from_bugs():
    assert issubclass(UserError, MlorchError)
    assert not issubclass(SchemaError, UserError)


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("modle", ["model", "data"], "; did you mean 'model'?"),
        ("zzz", ["model"], ""),
        ("x", [], ""),
        ("ab", {"abc": 1}, "; did you mean 'abc'?"),
    ],
    ids=["near", "far", "nothing", "mapping"],
)
def test_the_nearest_name_is_suggested_where_one_is_near(name, known, hint):
    assert nearest(name, known) == hint
