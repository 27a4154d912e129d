"""What a setting can be: how it is written in a file and in a variable, and what is right."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Any, NamedTuple

from mlorch.definitions.environment import EnvVar
from mlorch.execution.executors import EXECUTORS
from mlorch.settings.durations import read_duration
from mlorch.settings.sections import SECTIONS, Settings

NOTICES = ("failure", "drift", "freshness")
"""What people can be notified of."""


class Kind(NamedTuple):
    """One type of setting. `read` raises ValueError for what does not fit."""

    words: str
    read: Callable[[Any], Any]
    """Takes what stands in a file."""
    parse: Callable[[str], Any] | None = None
    """Takes the text of a variable to what a file would have; None where no variable can say it."""
    is_secret: bool = False
    """Whether what is given must not be shown."""


def _a(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise ValueError(value)
        return value

    return read


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(value)
    return float(value)


def _texts(value: Any) -> tuple[str, ...]:
    if type(value) is not list or not all(isinstance(one, str) for one in value):
        raise ValueError(value)
    return tuple(value)


def _duration(value: Any) -> Any:
    return read_duration(_a(str)(value))


def _reference(value: Any) -> EnvVar:
    if type(value) is EnvVar:
        return value
    if not isinstance(value, dict) or value.keys() != {"env"} or not isinstance(value["env"], str):
        raise ValueError(value)
    return EnvVar(value["env"])


def _text_or_reference(value: Any) -> str:
    return value if type(value) is str else _reference(value)


def _parsed_as(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a parser that leaves what it can't convert as it is, to be refused where it is read."""

    def parse(text: str) -> Any:
        with suppress(ValueError, KeyError):
            return convert(text)
        return text

    return parse


_BOOLS = {"true": True, "1": True, "false": False, "0": False}

_KINDS = {
    "bool": Kind("true or false", _a(bool), _parsed_as(lambda text: _BOOLS[text.lower()])),
    "int": Kind("a whole number", _a(int), _parsed_as(int)),
    "float": Kind("a number", _number, _parsed_as(float)),
    "str": Kind("text", _a(str), str),
    "timedelta": Kind('a duration such as "90d" or "12h", or "forever"', _duration, str),
    "str | EnvVar": Kind('text, or { env = "NAME" }', _text_or_reference, str, is_secret=True),
    "EnvVar": Kind('{ env = "NAME" }, as no secret belongs into a file', _reference, str, is_secret=True),
    "Mapping[str, int]": Kind("a table", _a(dict)),
    "Sequence[Mapping[str, Any]]": Kind("a list of tables", _a(list)),
    "Sequence[str]": Kind("a list of texts", _texts),
}

KINDS: Mapping[str, Kind] = {
    f"{prefix}{one.name}": _KINDS[str(one.type).removesuffix(" | None")]
    for prefix, section in (("", Settings), *((f"{name}.", kind) for name, kind in SECTIONS.items()))
    for one in fields(section)
    if one.name != "project" and f"{prefix}{one.name}" not in SECTIONS
}
"""By the name of each setting; that of a section's has the section in front: "mlflow.enabled"."""

VARIABLES: Mapping[str, str] = {
    f"MLORCH_{name.replace('.', '_').upper()}": name for name, kind in KINDS.items() if kind.parse is not None
}
"""The name of a setting by its variable."""


class Rule(NamedTuple):
    """What holds of a setting beyond its kind."""

    words: str
    holds: Callable[[Any], bool]
    names: tuple[str, ...] = ()
    """Those to choose from."""


def _least(least: float) -> Rule:
    return Rule(f"at least {least:g}", lambda value: bool(value >= least))


def _port(least: int) -> Rule:
    return Rule(f"a port from {least} to 65535", lambda value: least <= value < 65_536)


def _one_of(*names: str) -> Rule:
    words = repr(names[0]) if len(names) == 1 else f"one of {', '.join(names)}"
    return Rule(words, lambda value: value in names, names)


def _each_of(*names: str) -> Rule:
    return Rule(f"some of {', '.join(names)}", lambda values: set(values) <= set(names), names)


def _is_web(value: str) -> bool:
    return isinstance(value, EnvVar) or value.startswith(("http://", "https://"))


RULES: Mapping[str, Rule] = {
    "code_version": _one_of("auto"),
    "executor": _one_of(*EXECUTORS),
    "workers": _least(1),
    "run_retries.max_retries": _least(0),
    "daemon.poll_seconds": _least(0.05),
    "daemon.start_timeout_seconds": _least(1),
    "daemon.stop_timeout_seconds": _least(0),
    "daemon.max_runtime_seconds": _least(0),
    "daemon.max_tick_retries": _least(0),
    "daemon.health_port": _port(0),
    "daemon.log_format": _one_of("text", "json"),
    "notifications.on": _each_of(*NOTICES),
    "notifications.webhook": Rule("a URL that begins with http:// or https://", _is_web),
    "notifications.email.port": _port(1),
}
