"""How the start of a time window is written as a partition key, and read back."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import MAXYEAR, MINYEAR, date, datetime, time
from operator import attrgetter
from zoneinfo import ZoneInfo

from mlorch.errors import InvalidDefinitionError

Writer = Callable[[list[datetime]], list[str]]
Reader = Callable[[str], datetime | None]


class KeyFormat:
    """A strftime format in a time zone; one of plain numbers, such as `%Y-%m-%d`, needs no strftime.

    The second of two instants with the same wall time gets its UTC offset appended, unless the format
    has `%z`: `2023-11-05-01:00`, then `2023-11-05-01:00-0500`.
    """

    __slots__ = ("_has_offset", "_read", "_write")

    def __init__(self, fmt: str, zone: ZoneInfo) -> None:
        self._write, self._read = _of_numbers(fmt, zone) or _of_any(fmt, zone)
        self._has_offset = "%z" in fmt

    def write(self, moment: datetime) -> str:
        """Return the key of the window that starts at `moment`, which is in the zone."""
        return self.write_each([moment])[0]

    def write_each(self, moments: list[datetime]) -> list[str]:
        """Return the keys of windows."""
        keys = self._write(moments)
        if self._has_offset or not any(map(_FOLD, moments)):
            return keys
        pairs = zip(keys, moments, strict=True)
        return [key + moment.strftime("%z") if moment.fold else key for key, moment in pairs]

    def read(self, key: str) -> datetime | None:
        """Return the moment that a key names, in the zone, or None."""
        moment = self._read(key)
        if moment is None and not self._has_offset and _OFFSET.fullmatch(key[-5:]):
            moment = self._read(key[:-5])
            return moment and moment.replace(fold=1)
        return moment


def moment_given(name: str, given: datetime | date | str, fmt: str, zone: ZoneInfo) -> datetime:
    """Return the start or end that a definition was given. Raises InvalidDefinitionError for no date."""
    if isinstance(given, str):
        moment = parsed(given, fmt, zone)
        if moment is None:
            raise InvalidDefinitionError(f"{name} {given!r} should be written as {fmt!r} or as '2024-01-31'")
    else:
        moment = local(given if isinstance(given, datetime) else datetime.combine(given, time()), zone)
    if not MINYEAR < moment.year < MAXYEAR:
        raise InvalidDefinitionError(f"{name} {given!r} is no real date; leave out an end that never comes")
    return moment


def parsed(text: str, fmt: str, zone: ZoneInfo) -> datetime | None:
    """Return the moment that a text means, read generously: a key, one that lacks zeros, or ISO 8601."""
    with suppress(ValueError):
        return local(datetime.strptime(text, fmt), zone)  # noqa: DTZ007 - it gets its zone here
    with suppress(ValueError):
        return local(datetime.fromisoformat(text), zone)
    return KeyFormat(fmt, zone).read(text)


def local(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment in the zone; one without a zone is meant to be in it."""
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)


_FOLD = attrgetter("fold")
_OFFSET = re.compile(r"[+-]\d{4}", re.ASCII)
_NUMBERS = {"%Y": "year", "%m": "month", "%d": "day", "%H": "hour", "%M": "minute", "%S": "second"}
_DEFAULTS = (1, 1, 1, 0, 0, 0)


def _of_numbers(fmt: str, zone: ZoneInfo) -> tuple[Writer, Reader] | None:
    """Return the pair for a format that names year, month, day … in this order, as far as it goes."""
    pieces = re.split(r"(%.)", fmt)
    directives, literals = pieces[1::2], pieces[::2]
    count = len(directives)
    if not count or directives != list(_NUMBERS)[:count] or any("%" in literal for literal in literals):
        return None
    template = fmt.replace("%Y", "%04d")
    expression = re.escape(fmt).replace("%Y", r"(\d{4})")
    for directive in directives[1:]:
        template = template.replace(directive, "%02d")
        expression = expression.replace(directive, r"(\d\d)")
    numbers, pattern = attrgetter(*map(_NUMBERS.__getitem__, directives)), re.compile(expression, re.ASCII)

    def read(key: str) -> datetime | None:
        match = pattern.fullmatch(key)
        if match is None:
            return None
        year, month, day, hour, minute, second = (*map(int, match.groups()), *_DEFAULTS[count:])
        try:
            return datetime(year, month, day, hour, minute, second, tzinfo=zone)
        except ValueError:
            return None

    return lambda moments: [template % numbers(moment) for moment in moments], read


def _of_any(fmt: str, zone: ZoneInfo) -> tuple[Writer, Reader]:
    def read(key: str) -> datetime | None:
        try:
            if "%z" in fmt:
                return datetime.strptime(key, fmt).astimezone(zone)
            return datetime.strptime(key, fmt).replace(tzinfo=zone)
        except ValueError:
            return None

    return lambda moments: [moment.strftime(fmt) for moment in moments], read
