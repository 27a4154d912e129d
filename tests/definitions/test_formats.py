from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlorch.definitions.formats import KeyFormat

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    "fmt",
    ["%Y", "%Y-%m", "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d%H%M", "day %Y.%m.%d (%H)", "%d.%m.%Y", "%Y-%j", "%%%Y"],
)
@settings(deadline=None)
@given(stamp=st.integers(-30_000_000_000, 250_000_000_000))
def test_keys_are_what_strftime_and_strptime_say(fmt: str, stamp: int) -> None:
    moment = datetime.fromtimestamp(stamp, UTC)
    made = KeyFormat(fmt, ZoneInfo("UTC"))
    key = made.write(moment)
    assert key == moment.strftime(fmt)
    assert made.read(key) == datetime.strptime(key, fmt).replace(tzinfo=UTC)


def test_the_second_of_two_equal_times_gets_its_offset() -> None:
    made = KeyFormat("%Y-%m-%d-%H:%M", NEW_YORK)
    first, second = (datetime(2023, 11, 5, 1, tzinfo=NEW_YORK, fold=fold) for fold in (0, 1))
    assert made.write_each([first, second]) == ["2023-11-05-01:00", "2023-11-05-01:00-0500"]
    for moment in (first, second):
        read = made.read(made.write(moment))
        assert read is not None
        assert read.timestamp() == moment.timestamp()


def test_a_format_with_an_offset_needs_no_other() -> None:
    made = KeyFormat("%Y-%m-%dT%H%z", NEW_YORK)
    second = datetime(2023, 11, 5, 1, tzinfo=NEW_YORK, fold=1)
    assert made.write(second) == "2023-11-05T01-0500"
    read = made.read("2023-11-05T01-0500")
    assert read is not None
    assert (read.timestamp(), read.tzinfo) == (second.timestamp(), NEW_YORK)


@pytest.mark.parametrize(
    "key", ["", "x", "2024-1-5", "2024-13-01", "2024-02-30", "2024-02-01 ", "2024-02-01\n", "٢٠٢٤-02-01"]
)
def test_what_is_no_key_is_not_read(key: str) -> None:
    assert KeyFormat("%Y-%m-%d", NEW_YORK).read(key) is None
