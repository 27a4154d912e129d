"""The errors: one tree, drawn where it stands, with an exit code for each; and the nearest name."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest

from mlorch import errors
from mlorch.errors import (
    AlreadyDoneError,
    Failure,
    MlorchError,
    RetryRequested,
    SchemaError,
    UserError,
    nearest,
)

EXIT_CODES = {
    "UserError": 2,
    "SchemaError": 1,
    "AssetCheckFailedError": 1,
    "Failure": 1,
    "RetryRequested": 1,
    "ResourceError": 1,
    "WorkerError": 1,
    "StepTimeoutError": 1,
    "RunCanceledError": 1,
    "RunFailedError": 1,
}
NAMES: dict[str, Any] = {
    name: one for name, one in vars(errors).items() if inspect.isclass(one) and issubclass(one, MlorchError)
}
CLASSES = {name: one for name, one in NAMES.items() if name == one.__name__}


def drawn() -> dict[str, str]:
    """The parent of each error, as the docstring of the module draws them."""
    found: dict[str, str] = {}
    path: list[str] = []
    for line in inspect.getdoc(errors).splitlines():
        name = line.lstrip(" │├└─").partition(" ")[0]
        if name == "MlorchError" or "── " in line:
            depth = (len(line) - len(line.lstrip(" │├└─"))) // 4
            path[depth - 1 :] = [name]
            found[name] = path[depth - 2] if depth > 1 else ""
    return found


def test_the_tree_is_drawn_as_it_is():
    actual = {name: one.__base__.__name__ for name, one in CLASSES.items() if one is not MlorchError}
    assert drawn() == {"MlorchError": "", **actual}


def test_other_names_of_errors_are_those_that_people_know():
    assert all(name.startswith("Dagster") for name in NAMES.keys() - CLASSES.keys())


@pytest.mark.parametrize("name", CLASSES)
def test_each_error_has_the_exit_code_of_its_branch_and_says_when_it_is_raised(name):
    error = CLASSES[name]
    branch = next((each.__name__ for each in error.__mro__ if each.__name__ in EXIT_CODES), "")
    assert error.exit_code == EXIT_CODES.get(branch, 3)
    assert inspect.getdoc(error)


def test_a_broken_schema_travels_between_processes_with_its_report():
    error = pickle.loads(pickle.dumps(SchemaError("2 failures", {"counts": {"rate": 2}})))
    assert (str(error), error.report) == ("2 failures", {"counts": {"rate": 2}})


@pytest.mark.parametrize(
    "error", [Failure("no files", {"path": "/data"}, False), RetryRequested(3, 0.5)], ids=str
)
def test_what_a_step_raises_travels_between_processes(error):
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_what_was_done_before_travels_between_processes_with_its_names():
    error = pickle.loads(pickle.dumps(AlreadyDoneError({"start:r2", "start:r1"})))
    assert error.names == ("start:r1", "start:r2")
    assert str(error) == "was done before, and is done only once: 'start:r1', 'start:r2'"


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
