"""Models that MLflow loads where there is no mlorch."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import textwrap
import warnings
from dataclasses import replace
from typing import Any

import pytest

from mlorch.mirrors.mlflow import quiet
from tests.mirrors.mlflow.facts import finished, inputs, made, started, training_data

ENVIRONMENT = {"python": "3.11.2", "pandas": "3.1.1", "scikit-learn": "1.9.1"}

LOADER = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
sys.modules["mlorch"] = None  # importing it fails
import mlflow, pandas
frame = pandas.DataFrame({"a": [1, 2, 3], "b": [0.1, 0.9, 0.4]})
found = {}
for name, path in json.load(sys.stdin).items():
    found[name] = [float(one) for one in mlflow.pyfunc.load_model(path).predict(frame)]
json.dump(found, sys.stdout)
"""


def common_estimators() -> dict[str, Any]:
    """Twelve estimators as people use them, by name, untrained."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import (
        GradientBoostingRegressor,
        HistGradientBoostingClassifier,
        RandomForestClassifier,
        StackingClassifier,
    )
    from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
    from sklearn.model_selection import GridSearchCV
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder, StandardScaler
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    categories = make_column_transformer((OrdinalEncoder(), ["a"]), remainder="passthrough")
    return {
        "linear": LinearRegression(),
        "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
        "sgd": SGDClassifier(),
        "bayes": GaussianNB(),
        "neighbors": KNeighborsClassifier(),
        "svc": SVC(),
        "network": MLPClassifier(hidden_layer_sizes=4, max_iter=20),
        "tree": DecisionTreeClassifier(),
        "forest": RandomForestClassifier(n_estimators=10),
        "boosting": GradientBoostingRegressor(n_estimators=10),
        "histogram": make_pipeline(categories, HistGradientBoostingClassifier(max_iter=10)),
        "search": GridSearchCV(StackingClassifier([("bayes", GaussianNB())]), {"cv": [2, 3]}, cv=2),
    }


def model(shop, name: str, value: Any, **fields: Any) -> Any:
    """Return the fact that a trained model was made, with its file."""
    kept = shop.files.keep(f"data/{name}.joblib", value)
    return made(
        name, kind="model", inputs=inputs(("features", None)), environment=ENVIRONMENT, **kept, **fields
    )


def logged(shop, name: str) -> Any:
    (run,) = shop.runs(name)
    (output,) = run.outputs.model_outputs
    return shop.client.get_logged_model(output.model_id)


def test_the_common_estimators_load_without_mlorch(shop) -> None:
    features, target = training_data()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trained = {name: one.fit(features, target) for name, one in common_estimators().items()}
    shop.tell(
        started(), made("features"), *(model(shop, name, one) for name, one in trained.items()), finished()
    )
    assert shop.mirror.problems == []
    paths = {name: logged(shop, name).artifact_location for name in trained}
    done = subprocess.run(
        [sys.executable, "-c", LOADER], input=json.dumps(paths), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = features.iloc[:0].reindex(range(3)).assign(a=[1, 2, 3], b=[0.1, 0.9, 0.4])
    wanted = {name: [float(one) for one in value.predict(rows)] for name, value in trained.items()}
    found = json.loads(done.stdout)
    assert found.keys() == wanted.keys()
    assert [found[name] for name in wanted] == [pytest.approx(each) for each in wanted.values()]


def test_a_logged_model_has_params_metrics_and_a_signature(shop) -> None:
    from sklearn.linear_model import LogisticRegression

    value = LogisticRegression().fit(*training_data())
    fact = model(shop, "model", value, config={"C": 1.0}, metrics={"auc": 0.75})
    shop.tell(started(), made("features"), fact, finished())
    found = logged(shop, "model")
    (run,) = shop.runs("model")
    assert found.status == "READY"
    assert found.source_run_id == run.info.run_id
    assert found.params == run.data.params
    assert [(one.key, one.value) for one in found.metrics if one.key == "auc"] == [("auc", 0.75)]
    assert run.data.metrics["auc"] == 0.75
    assert "[features]" in found.tags["mlflow.note.content"]

    from mlflow.models import Model

    description = Model.load(found.artifact_location)
    assert [(one.name, one.type.name) for one in description.signature.inputs] == [
        ("a", "long"),
        ("b", "double"),
    ]
    assert [one.type.name for one in description.signature.outputs] == ["long"]
    assert (description.model_id, description.run_id) == (found.model_id, run.info.run_id)
    with open(f"{found.artifact_location}/requirements.txt", encoding="utf-8") as file:
        needed = file.read().split()
    assert "scikit-learn==1.9.1" in needed
    assert "pandas==3.1.1" in needed
    assert not any(one.startswith(("python==", "mlorch")) for one in needed)


def test_a_run_that_reads_a_model_names_it(shop) -> None:
    from sklearn.linear_model import LogisticRegression

    fact = model(shop, "model", LogisticRegression().fit(*training_data()))
    shop.tell(started(), made("features"), fact, made("scores", kind="json", inputs=inputs(("model", None))))
    (run,) = shop.runs("scores")
    found = shop.client.get_run(run.info.run_id)
    assert [one.model_id for one in found.inputs.model_inputs] == [logged(shop, "model").model_id]


@pytest.fixture
def project_module(shop, monkeypatch) -> Any:
    """A module of the project's own, with an estimator; and one that needs mlorch."""
    (shop.store.folder / "shop_models.py").write_text(
        textwrap.dedent(
            """
            from sklearn.base import BaseEstimator, RegressorMixin

            from mlorch.errors import nearest

            HALF = 0.5

            class Half(RegressorMixin, BaseEstimator):
                def fit(self, frame, target):
                    self.feature_names_in_ = frame.columns.to_numpy()
                    return self

                def predict(self, frame):
                    return frame["b"] * HALF

            class Bound(Half):
                def predict(self, frame):
                    return nearest("x", frame["b"])
            """
        )
    )
    monkeypatch.syspath_prepend(shop.store.folder)
    yield importlib.import_module("shop_models")
    sys.modules.pop("shop_models")


def test_a_models_own_code_travels_with_it(shop, project_module) -> None:
    fact = model(shop, "half", project_module.Half().fit(*training_data()))
    shop.tell(started(), made("features"), fact, finished())
    path = logged(shop, "half").artifact_location
    done = subprocess.run(
        [sys.executable, "-c", LOADER],
        input=json.dumps({"half": path}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"half": [0.05, 0.45, 0.2]}


def test_a_model_that_needs_mlorch_is_not_logged_and_the_run_says_why(shop, project_module) -> None:
    fact = model(shop, "bound", project_module.Bound().fit(*training_data()))
    shop.tell(started(), made("features"), fact, finished())
    (run,) = shop.runs("bound")
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlorch.model"].startswith("not logged: it refers to mlorch")
    assert run.outputs.model_outputs == []


def test_bytes_that_are_not_the_recorded_ones_are_not_unpickled(shop) -> None:
    from sklearn.linear_model import LogisticRegression

    fact = model(shop, "model", LogisticRegression().fit(*training_data()))
    (shop.store.folder / fact.uri).write_bytes(b"something else")
    shop.tell(
        started(), made("features"), fact, replace(fact, asset="lost", step="lost", uri="data/lost.joblib")
    )
    assert "changed by somebody else" in shop.runs("model")[0].data.tags["mlorch.model"]
    assert "can't be read" in shop.runs("lost")[0].data.tags["mlorch.model"]


def test_a_column_of_which_mlflow_refuses_values_may_be_any(shop) -> None:
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    rows = pd.DataFrame({
        "zoned": pd.date_range("2024-01-01", periods=4, tz="UTC"),
        "kind": pd.Series(["a", "b", "a", "b"], dtype="category"),
        "count": pd.Series([1, None, 3, 4], dtype="Int64"),
        "size": [0.1, 0.2, 0.3, 0.4],
    })  # fmt: skip
    pipeline = make_pipeline(make_column_transformer(("passthrough", ["size"])), LogisticRegression())
    fact = model(shop, "model", pipeline.fit(rows, [0, 0, 1, 1]))
    columns = [[name, str(dtype)] for name, dtype in rows.dtypes.items()]
    shop.tell(started(), made("features", metadata={"rows": 4, "columns": columns}), fact)
    with quiet():
        import mlflow

        loaded = mlflow.pyfunc.load_model(logged(shop, "model").artifact_location)
        assert list(loaded.predict(rows)) == list(pipeline.predict(rows))
    kinds = [str(one.type) for one in loaded.metadata.signature.inputs]
    assert kinds == ["Any", "Any", "Any", "DataType.double"]
