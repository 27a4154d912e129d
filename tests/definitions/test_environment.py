"""Environment variables: read late, shown by name."""

from __future__ import annotations

import pytest

from mlorch import EnvVar
from mlorch.errors import InvalidConfigError


def test_a_variable_is_shown_by_name_and_read_when_it_is_asked_for(monkeypatch):
    variable = EnvVar("SHOP_TOKEN")
    monkeypatch.setenv("SHOP_TOKEN", "s3cr3t")
    assert (str(variable), repr(variable)) == ("SHOP_TOKEN", "EnvVar('SHOP_TOKEN')")
    assert variable.get_value() == variable.resolve() == "s3cr3t"


def test_one_that_is_not_set_has_a_default_and_cannot_be_resolved(monkeypatch):
    monkeypatch.delenv("SHOP_TOKEN", raising=False)
    assert EnvVar("SHOP_TOKEN").get_value() is None
    assert EnvVar("SHOP_TOKEN").get_value("x") == "x"
    with pytest.raises(InvalidConfigError, match="SHOP_TOKEN is not set; set it before the run"):
        EnvVar("SHOP_TOKEN").resolve()


def test_a_number_is_one(monkeypatch):
    monkeypatch.setenv("SHOP_SIZE", "12")
    assert EnvVar.int("SHOP_SIZE").get_value() == 12
    monkeypatch.setenv("SHOP_SIZE", "many")
    with pytest.raises(InvalidConfigError, match="SHOP_SIZE must hold a whole number"):
        EnvVar.int("SHOP_SIZE").resolve()
