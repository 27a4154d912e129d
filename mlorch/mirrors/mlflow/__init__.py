"""Tells MLflow what happened: experiments, runs, datasets, models, notes and views, from the log alone."""

from __future__ import annotations

from mlorch.mirrors.mlflow.mirror import MlflowMirror
from mlorch.mirrors.mlflow.store import MlflowStore, materialization_in, quiet

__all__ = ["MlflowMirror", "MlflowStore", "materialization_in", "quiet"]
