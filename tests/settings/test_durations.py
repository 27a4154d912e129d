"""Durations: what people write is read, and written back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch.settings.durations import duration_text, read_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90d", timedelta(days=90)),
        ("12h", timedelta(hours=12)),
        ("30 m", timedelta(minutes=30)),
        ("2w", timedelta(days=14)),
        ("45s", timedelta(seconds=45)),
        ("forever", None),
        ("", None),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text, duration):
    assert read_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["90", "d", "1.5h", "-1d", "0d", "1d12h", "90 days", "never", "9" * 20 + "d"]
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match=text):
        read_duration(text)


@given(st.integers(1, 10**9))
def test_a_duration_is_read_as_it_was_written(seconds):
    duration = timedelta(seconds=seconds)
    assert read_duration(duration_text(duration)) == duration


def test_it_is_written_in_the_largest_unit_that_divides_it():
    written = [duration_text(timedelta(hours=hours)) for hours in (24 * 90, 36, 1)]
    assert [*written, duration_text(timedelta(seconds=90)), duration_text(None)] == [
        "90d",
        "36h",
        "1h",
        "90s",
        "forever",
    ]
