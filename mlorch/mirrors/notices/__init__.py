"""Tells people what needs them: notices of failures, drift and freshness, from the log alone."""

from __future__ import annotations

from mlorch.mirrors.notices.notices import NOTICED, Notice, Notifier, notice_of

__all__ = ["NOTICED", "Notice", "Notifier", "notice_of"]
