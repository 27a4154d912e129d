"""Tells MLflow what happened: experiments, runs, datasets, models, notes and views, from the log alone."""

from __future__ import annotations

from mlorch.mirrors.mlflow.mirror import TOLD, MlflowMirror
from mlorch.mirrors.mlflow.registry import registered
from mlorch.mirrors.mlflow.store import MlflowStore, materialization_in, quiet

__all__ = ["TOLD", "MlflowMirror", "MlflowStore", "materialization_in", "quiet", "registered"]
