"""Metadata as it is recorded: JSON, without secrets."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from mlorch.definitions.fields import mask
from mlorch.definitions.keys import AssetKey
from mlorch.definitions.metadata import MetadataValue, TableColumnLineage, TableSchema


def plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata as JSON with passwords in URLs masked; other objects become their text."""
    try:
        found = json.loads(json.dumps(dict(metadata), default=_as_plain))
    except (TypeError, ValueError):
        # A key that is no text, or a list that holds itself, somewhere within.
        found = {str(name): _plain_or_text(value) for name, value in metadata.items()}
    masked: dict[str, Any] = mask(found)
    return masked


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return the text with each secret masked, and the passwords of its URLs."""
    for secret in secrets:
        text = text.replace(secret, "***")
    masked: str = mask(text) if "://" in text else text
    return masked


def redacted(value: Any, secrets: Collection[str]) -> Any:
    """Return JSON with each secret masked, wherever it stands in a text."""
    if not secrets:
        return value
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, Mapping):
        return {name: redacted(one, secrets) for name, one in value.items()}
    return [redacted(one, secrets) for one in value] if isinstance(value, list) else value


_OF_A_KIND = (MetadataValue, TableSchema, TableColumnLineage, AssetKey, os.PathLike)


def _plain_or_text(value: Any) -> Any:
    try:
        return json.loads(json.dumps(value, default=_as_plain))
    except (TypeError, ValueError):
        return str(value)


def _as_plain(value: Any) -> Any:
    if isinstance(value, _OF_A_KIND):
        return MetadataValue.of(value).to_json()
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "ndim", None) == 0:
        return item()
    listed = getattr(value, "tolist", None)
    return listed() if callable(listed) else str(value)
