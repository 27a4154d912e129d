"""The settings of a project: [tool.mlorch] in pyproject.toml, then MLORCH_* variables, then flags."""

from __future__ import annotations

from mlorch.settings.explaining import Setting, explain_settings
from mlorch.settings.reading import find_project, read_settings
from mlorch.settings.sections import (
    DaemonSettings,
    DaskSettings,
    DvcSettings,
    EmailSettings,
    MlflowSettings,
    NotificationSettings,
    RetentionSettings,
    RunRetriesSettings,
    Settings,
)

__all__ = [
    "DaemonSettings",
    "DaskSettings",
    "DvcSettings",
    "EmailSettings",
    "MlflowSettings",
    "NotificationSettings",
    "RetentionSettings",
    "RunRetriesSettings",
    "Setting",
    "Settings",
    "explain_settings",
    "find_project",
    "read_settings",
]
