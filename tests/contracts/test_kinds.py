"""What the IO managers of the kinds promise, on every store."""

from __future__ import annotations

import errno
import hashlib
import inspect
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from mlorch.definitions.io import InputContext, OutputContext, Removed, StoredValue, ValueStore
from mlorch.definitions.keys import AssetKey
from mlorch.errors import IntegrityError, NotFoundError
from mlorch.iomanagers.files import MemoryStore
from mlorch.iomanagers.kinds import KINDS
from tests.contracts.shelves import SHELVES, Shelf

KEY = AssetKey("made")


def keep(
    store: ValueStore, value: Any, annotation: Any = inspect.Parameter.empty
) -> tuple[StoredValue, OutputContext]:
    _, manager = KINDS.manager_for(annotation, value)
    context = OutputContext(
        KEY, None, run_id="run", step_key="made", annotation=annotation, path="made", store=store
    )
    stored = manager.handle_output(context, value)
    assert stored is not None
    return stored, context


def load(
    store: ValueStore, kind: str, stored: StoredValue | None, annotation: Any = inspect.Parameter.empty
) -> Any:
    uri, content_hash = (stored.uri, stored.content_hash) if stored is not None else (None, None)
    context = InputContext(
        KEY, None, annotation=annotation, path="made", store=store, uri=uri, content_hash=content_hash
    )
    return KINDS.manager_named(kind).load_input(context)


def same_model(left: Any, right: Any) -> bool:
    return bool((left.predict(TABLE) == right.predict(TABLE)).all()) and repr(left) == repr(right)


def same_array(left: Any, right: Any) -> bool:
    return bool(left.dtype == right.dtype and left.tobytes() == right.tobytes())


TABLE = np.random.default_rng(0).normal(size=(80, 3))
LABELS = (TABLE[:, 0] > 0).astype("int64")

Case = tuple[Any, Any, Callable[[Any, Any], bool]]
"""A value, another of its kind, and whether two of them are equal."""

CASES: dict[str, Case] = {
    "model": (
        DecisionTreeClassifier(random_state=0).fit(TABLE, LABELS),
        LogisticRegression().fit(TABLE, LABELS),
        same_model,
    ),
    "frame": (pd.DataFrame({"a": [1, 2]}), pl.DataFrame({"a": ["x", None]}), lambda a, b: a.equals(b)),
    "array": (TABLE, np.array([], dtype="datetime64[us]"), same_array),
    "json": ({"auc": 0.7, "ok": [True, None, "ü"]}, "other", lambda a, b: a == b),
    "object": ({1, (2, b"3")}, ValueError, lambda a, b: a == b),
}


@pytest.fixture(params=SHELVES)
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    with SHELVES[request.param](tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("kind", CASES)
def test_a_value_comes_back_equal(shelf: Shelf, kind: str) -> None:
    value, _, is_same = CASES[kind]
    stored, _ = keep(shelf.store, value)
    assert KINDS.manager_for(inspect.Parameter.empty, value)[0] == kind
    assert is_same(load(shelf.store, kind, stored), value)


@pytest.mark.parametrize("kind", CASES)
def test_the_version_before_is_read_by_its_hash(shelf: Shelf, kind: str) -> None:
    first, second, is_same = CASES[kind]
    old, _ = keep(shelf.store, first)
    new, _ = keep(shelf.store, second)
    assert old.content_hash != new.content_hash
    assert is_same(load(shelf.store, kind, old), first)
    assert is_same(load(shelf.store, kind, new), second)


@pytest.mark.parametrize("kind", ["frame", "array", "json"])
def test_equal_values_have_equal_bytes(kind: str) -> None:
    value = CASES[kind][0]
    again = pickle.loads(pickle.dumps(value))
    assert keep(MemoryStore(), value)[0] == keep(MemoryStore(), again)[0]


class _Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


@pytest.mark.parametrize("kind", ["model", "object"])
def test_forged_bytes_are_refused_before_they_are_unpickled(shelf: Shelf, kind: str, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    forged = pickle.dumps(_Trap(sprung))
    stored, _ = keep(shelf.store, CASES[kind][0])
    shelf.tamper(stored.uri, forged)
    with pytest.raises(IntegrityError, match=hashlib.md5(forged).hexdigest()):
        load(shelf.store, kind, stored)
    assert not sprung.exists()

    pickle.loads(forged)
    assert sprung.exists(), "the trap would have sprung"


class _FullDisk:
    """A store whose medium is full after a few bytes of each value."""

    def __init__(self, store: ValueStore, room: int) -> None:
        self._store, self._room = store, room

    def write(self, path: str, dump: Callable[[BinaryIO], object]) -> StoredValue:
        return self._store.write(path, lambda file: self._fill(file, dump))

    def read(self, uri: str, content_hash: str | None) -> bytes:
        return self._store.read(uri, content_hash)

    def restore(self, uri: str, content_hash: str) -> None:
        self._store.restore(uri, content_hash)

    def remove(self, content_hash: str, before: float, *, only_ask: bool = False) -> Removed | None:
        return self._store.remove(content_hash, before, only_ask=only_ask)

    def _fill(self, file: BinaryIO, dump: Callable[[BinaryIO], object]) -> None:
        whole = MemoryStore()
        data = whole.read(whole.write("whole", dump).uri, None)
        file.write(data[: self._room])
        if len(data) > self._room:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("kind", CASES)
def test_a_full_disk_is_told_as_such_and_leaves_the_version_before(shelf: Shelf, kind: str) -> None:
    first, second, is_same = CASES[kind]
    stored, _ = keep(shelf.store, first)
    names = shelf.names()
    with pytest.raises(OSError, match="No space left") as full:
        keep(_FullDisk(shelf.store, 3), second)
    assert full.value.errno == errno.ENOSPC
    assert shelf.names() == names
    assert is_same(load(shelf.store, kind, stored), first)


@pytest.mark.parametrize("kind", CASES)
def test_what_was_never_recorded_is_not_found(kind: str) -> None:
    with pytest.raises(NotFoundError, match="made"):
        load(MemoryStore(), kind, None)


ESTIMATORS: list[Any] = [
    LinearRegression(),
    Ridge(),
    LogisticRegression(),
    make_pipeline(StandardScaler(), LogisticRegression()),
    make_pipeline(ColumnTransformer([("all", StandardScaler(), [0, 1])]), GaussianNB()),
    DecisionTreeClassifier(random_state=0),
    RandomForestClassifier(5, random_state=0),
    GradientBoostingRegressor(n_estimators=5, random_state=0),
    HistGradientBoostingClassifier(max_iter=5, random_state=0),
    IsolationForest(n_estimators=5, random_state=0),
    KNeighborsClassifier(),
    SVC(random_state=0),
    KMeans(2, n_init=1, random_state=0),
]


def name(estimator: Any) -> str:
    return "-".join(getattr(estimator, "named_steps", [type(estimator).__name__]))


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=name)
def test_estimators_come_back_and_fitting_again_repeats_their_bytes(estimator: Any) -> None:
    store = MemoryStore()
    fitted = clone(estimator).fit(TABLE, LABELS)
    stored, context = keep(store, fitted)
    assert stored.uri == "memory:made.joblib"
    assert context.output_metadata == {"estimator": type(estimator).__name__}
    assert same_model(load(store, "model", stored), fitted)
    assert keep(store, clone(estimator).fit(TABLE, LABELS))[0] == stored
