"""Each setting of a project as it can be shown, and where it came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from mlorch.definitions.environment import EnvVar
from mlorch.settings.durations import duration_text
from mlorch.settings.kinds import KINDS
from mlorch.settings.reading import found_settings, read_settings
from mlorch.settings.sections import SECTIONS, Settings


class Setting(NamedTuple):
    """One setting, ready to be shown: no password and no secret is in it."""

    name: str
    value: Any
    """JSON, as a file would have it."""
    source: str
    """"default", "file", "variable" or "flag"."""
    where: str
    """The file and its section, or the variable; "" for a plain default."""


def explain_settings(project: Path | None = None, *, flags: Mapping[str, Any] | None = None) -> list[Setting]:
    """Return every setting of a project, in the order of the reference. Raises as `read_settings` does."""
    settings = read_settings(project, flags=flags)
    found = found_settings(settings.project, flags)
    explained = []
    for name in KINDS:
        if name in found:
            value, source, where = found[name]
        else:
            value, source, where = default_of(name), "default", ""
        explained.append(Setting(name, shown(name, value), source, where))
    return explained


def default_of(name: str) -> Any:
    """Return what a setting is where nobody sets it."""
    section, _, last = name.rpartition(".")
    (one,) = (one for one in fields(SECTIONS.get(section, Settings)) if one.name == last)
    return one.default if one.default_factory is MISSING else one.default_factory()


def shown(name: str, value: Any) -> Any:
    """Return a setting as a file would have it, passwords in URLs and secrets masked."""
    from mlorch.definitions.fields import mask

    if isinstance(value, EnvVar):
        return {"env": str.__str__(value)}
    if value is not None and KINDS[name].is_secret:
        return _masked(value)
    if isinstance(value, timedelta) or name.startswith("retention."):
        return duration_text(value)
    if isinstance(value, str):
        return mask(_QUERY.sub(r"\1***", value))
    return mask(list(value) if isinstance(value, tuple) else value)


_QUERY = re.compile(r"([?&]\w*password=)[^&]+", re.IGNORECASE)


def _masked(secret: str) -> str:
    """Return where a URL leads, without what gives access there; nothing of any other text."""
    address = urlsplit(secret)
    return f"{address.scheme}://{address.hostname}/***" if address.hostname else "***"
