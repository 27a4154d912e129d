"""The model itself, without a word about partitions or storage."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from mlorch import Config

CATEGORIES = ["carrier", "origin", "dest", "dow"]
CONDITIONS = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
INPUTS = [*CATEGORIES, "sched_dep_min", "sched_arr_min", "distance", *CONDITIONS]


class Hyperparameters(Config):
    """Small trees, slowly: with scikit-learn's defaults a month is learned by heart."""

    max_iter: int = 100
    learning_rate: float = 0.05
    max_leaf_nodes: int = 8
    min_samples_leaf: int = 300
    l2_regularization: float = 10.0


def build_model(config: Hyperparameters) -> Pipeline:
    """An untrained classifier for the columns `INPUTS`. The same data and config give the same bytes."""
    # A carrier that was never seen, like an instrument that was silent, counts as missing.
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    trees = HistGradientBoostingClassifier(
        **config.model_dump(),
        categorical_features=list(range(len(CATEGORIES))),
        early_stopping=False,
        random_state=0,
    )
    return make_pipeline(make_column_transformer((encoder, CATEGORIES), remainder="passthrough"), trees)


def score(model: Pipeline, features: pd.DataFrame) -> dict[str, float]:
    """How well `model` foretells which of these flights come late."""
    late = features["late"]
    foretold = model.predict_proba(features[INPUTS])[:, 1]
    return {
        "auc": float(roc_auc_score(late, foretold)),
        "average_precision": float(average_precision_score(late, foretold)),
        "log_loss": float(log_loss(late, foretold)),
        "brier": float(brier_score_loss(late, foretold)),
    }
