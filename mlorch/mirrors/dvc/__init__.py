"""The mirror into DVC.

The formats are written directly, without importing DVC: docs/decisions/0006-dvc-formats-written-directly.md.
"""

from __future__ import annotations

from mlorch.mirrors.dvc.init import init_dvc
from mlorch.mirrors.dvc.manifests import old_manifests
from mlorch.mirrors.dvc.mirror import DvcMirror, DvcReport
from mlorch.mirrors.dvc.tracked import tracked_version

__all__ = ["DvcMirror", "DvcReport", "init_dvc", "old_manifests", "tracked_version"]
