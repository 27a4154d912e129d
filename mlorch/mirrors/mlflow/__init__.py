"""Tells MLflow what happened: experiments, runs, datasets, models, notes and views, from the log alone."""

from __future__ import annotations

from mlorch.mirrors.mlflow.mirror import MlflowMirror
from mlorch.mirrors.mlflow.store import ENVIRONMENT, MlflowStore

__all__ = ["ENVIRONMENT", "MlflowMirror", "MlflowStore"]
