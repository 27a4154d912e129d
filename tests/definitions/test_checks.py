"""Which check a result is of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch import AssetCheckKey, AssetCheckResult, AssetCheckSpec, AssetKey
from mlorch.definitions.checks import spec_meant
from mlorch.errors import TypeCheckError

names = st.sampled_from(["a", "b", "c"])


@given(st.sets(st.tuples(names, names), min_size=1), st.none() | names, st.none() | names)
def test_what_a_result_does_not_name_is_meant_where_one_fits(declared, asset, check):
    specs = [AssetCheckSpec(name, asset=key) for key, name in sorted(declared)]
    fits = [one for one in sorted(declared) if asset in (None, one[0]) and check in (None, one[1])]
    result = AssetCheckResult(True, asset, check)
    if len(fits) == 1:
        found = spec_meant(result, specs, "asset 'x'")
        assert found.key == AssetCheckKey(AssetKey(fits[0][0]), fits[0][1])
    else:
        with pytest.raises(TypeCheckError, match="say which" if fits else "does not declare"):
            spec_meant(result, specs, "asset 'x'")


def test_a_check_is_written_with_its_asset():
    assert AssetCheckKey(AssetKey(["p", "a"]), "c").to_user_string() == "p/a:c"
    assert AssetCheckSpec("c", asset=["p", "a"]).python_identifier == "p__a_c"
