"""From two frames to a verdict."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mlorch.drift import DriftReport, compare, compare_partitions, profile, rule_of
from mlorch.errors import UserError

RNG = np.random.default_rng(0)


def data(rows=2000, seed=0, shift=0.0, share=0.5, gaps=0.0, more=()):
    rng = np.random.default_rng(seed)
    x = rng.normal(shift, 1, rows)
    x[rng.random(rows) < gaps] = np.nan
    kind = rng.choice(["a", "b", *more], rows, p=[share, 1 - share - 0.02 * len(more), *[0.02] * len(more)])
    return pd.DataFrame({"x": x, "y": rng.exponential(1, rows), "kind": kind, "at": pd.Timestamp(2024, 1, 1)})


def test_data_like_the_reference_have_not_drifted():
    report = compare(data(), data(seed=1))
    assert (report.verdict, report.drifted, report.share, report.rows) == ("no drift", [], 0.0, (2000, 2000))
    assert report.why("features[1]") == "no drift in features[1]"


@pytest.mark.parametrize(
    ("changed", "column", "aspect", "test"),
    [
        ({"shift": 0.3}, "x", "distribution", "ks"),
        ({"share": 0.7}, "kind", "distribution", "chi2"),
        ({"gaps": 0.2}, "x", "missing", "z"),
        ({"more": ["c"]}, "kind", "unseen", ""),
    ],
)
def test_every_aspect_of_a_column_can_drift(changed, column, aspect, test):
    report = compare(data(), data(seed=1, **changed), watch=[column])
    assert (report.verdict, report.drifted) == ("drift", [column])
    strongest = report.column(column).strongest
    assert (strongest.aspect, strongest.test, strongest.drifted) == (aspect, test, True)
    assert strongest.effect >= strongest.threshold
    assert (strongest.adjusted_p or 0) <= 0.05


def test_a_large_effect_by_chance_is_no_drift_nor_is_a_small_one_for_sure():
    by_chance = compare(data(120), data(120, seed=3), watch=["x"]).column("x").differences[0]
    assert by_chance.effect >= by_chance.threshold
    assert by_chance.adjusted_p is not None
    assert (by_chance.adjusted_p > 0.05, by_chance.drifted) == (True, False)
    for_sure = compare(data(90_000), data(90_000, seed=1, shift=0.05)).column("x").differences[0]
    assert for_sure.adjusted_p is not None
    assert (for_sure.adjusted_p < 1e-6, for_sure.effect < 0.1, for_sure.drifted) == (True, True, False)


def test_one_column_of_four_is_no_drift_of_the_data_unless_it_is_watched():
    reference, current = data(), data(seed=1, shift=1)
    assert compare(reference, current).verdict == "no drift"
    assert compare(reference, current, watch=["x"]).verdict == "drift"
    assert compare(reference, current, watch=["y"]).verdict == "no drift"
    assert compare(reference, current, share=0.25).verdict == "drift"
    assert compare(reference, current, weights={"x": 3, "y": 1}).verdict == "drift"
    assert compare(reference, current, weights={"x": 1, "y": 3}).share == 0.25


@pytest.mark.parametrize("rows", [(99, 2000), (2000, 99)])
def test_too_few_rows_are_insufficient_however_different_they_are(rows):
    report = compare(data(rows[0]), data(rows[1], shift=9), watch=["x"])
    assert (report.verdict, report.columns, report.rows) == ("insufficient", (), rows)
    assert "too few rows" in report.why()
    assert compare(data(rows[0]), data(rows[1], shift=9), watch=["x"], min_rows=99).verdict == "drift"


def test_a_column_with_too_few_values_is_asked_only_for_what_it_lacks():
    reference = data(gaps=0.5)
    column = compare(reference, data(seed=1, gaps=0.97)).column("x")
    assert [one.aspect for one in column.differences] == ["missing"]
    assert "too few values" in column.skipped
    assert column.drifted


def test_a_column_that_is_gone_has_drifted_and_a_new_one_is_told():
    report = compare(data(), data(seed=1).drop(columns="kind").assign(new=1), watch=["kind"])
    assert report.verdict == "drift"
    assert report.column("kind").strongest.effect == 1.0
    assert report.column("new").skipped == "it is not in the reference"
    assert not report.column("new").differences


def test_numbers_that_turned_into_text_are_missing():
    report = compare(data(), data(seed=1).assign(x="n/a"), watch=["x"])
    assert report.column("x").strongest.aspect == "missing"
    assert report.verdict == "drift"


def test_moments_are_skipped_and_it_says_why():
    column = compare(data(), data(seed=1)).column("at")
    assert (column.kind, column.psi, column.drifted) == ("datetime", None, False)
    assert "moments" in column.skipped


def test_a_profile_stands_for_its_frame():
    reference, current = data(5000), data(seed=1, shift=0.2, share=0.62)
    exact = compare(reference, current)
    for one, other in ((profile(reference), current), (profile(reference), profile(current))):
        found = compare(one, other)
        for a, b in zip(exact.columns, found.columns, strict=True):
            assert [each.drifted for each in a.differences] == [each.drifted for each in b.differences]
            assert [each.effect for each in b.differences] == pytest.approx(
                [each.effect for each in a.differences], rel=0.01, abs=2e-3
            )


def test_pandas_and_polars_are_compared_as_one():
    reference, current = data(), data(seed=1, shift=0.4)
    assert compare(pl.from_pandas(reference), current) == compare(reference, pl.from_pandas(current).lazy())


def test_partitions_that_are_judged_together_are_adjusted_together():
    current = {str(seed): data(seed=seed, shift=0.1) for seed in range(1, 6)}
    together = compare_partitions(data(), current, rule_of())
    alone = {key: compare(data(), frame) for key, frame in current.items()}
    assert list(together) == list(current)
    pairs = [
        (one.p, one.adjusted_p, other.p, other.adjusted_p)
        for key in current
        for a, b in zip(together[key].columns, alone[key].columns, strict=True)
        for one, other in zip(a.differences, b.differences, strict=True)
        if one.p is not None
    ]
    assert all(p == other_p for p, _, other_p, _ in pairs)
    assert any(adjusted != other for _, adjusted, _, other in pairs)


def test_insufficient_partitions_weaken_no_others():
    current = {"small": data(50, shift=5), "whole": data(seed=1, shift=0.1)}
    together = compare_partitions(data(), current, rule_of())
    assert together["small"].verdict == "insufficient"
    assert together["whole"] == compare(data(), current["whole"])


def test_a_column_that_is_watched_must_be_there():
    with pytest.raises(UserError, match="no column 'kin' to watch or to weigh; did you mean 'kind'"):
        compare(data(), data(), watch=["kin"])
    with pytest.raises(UserError, match="no threshold"):
        compare(data(), data(), thresholds={"wind": 1})


def test_a_report_is_the_same_after_json():
    report = compare(data(), data(seed=1, shift=0.4, more=["c"]), watch=["x"])
    said = report.to_json()
    assert DriftReport.from_json(said) == report
    assert (said["verdict"], said["drifted"]) == ("drift", ["x", "kind"])
    assert said["columns"][0]["psi_band"] == "moderate"


def test_why_is_a_line_that_names_what_is_watched():
    report = compare(data(), data(seed=1, shift=0.4, more=["c"]), watch=["kind"])
    effect = report.column("kind").strongest.effect
    assert report.why("features[2013-02]") == (
        f"drift of kind in features[2013-02]: effect {effect:.2g} (unseen) ≥ 0.01"
    )


def test_categories_that_are_rare_by_nature_are_expected_to_be_new():
    """Of 800 words many occur once, so that the next rows have new ones without any drift."""

    def words(rows, rng):
        return pd.DataFrame(
            {"word": pd.Categorical([f"w{one}" for one in rng.zipf(1.6, rows).clip(max=5000)])}
        )

    rng = np.random.default_rng(5)
    column = compare(words(3000, rng), words(3000, rng)).column("word")
    new = next(one for one in column.differences if one.aspect == "unseen")
    assert new.effect > 0.01
    assert not column.drifted
