from __future__ import annotations

import json
import re
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given

from mlorch.events import KINDS, AssetMaterialized, Event, Input, from_fields, from_json, to_fields, to_json
from tests import facts
from tests.facts import made


@given(facts.events)
def test_an_event_comes_back_from_json_as_it_was(event: Event) -> None:
    text = to_json(event)
    assert "\n" not in text
    assert from_json(text) == event
    assert repr(from_json(text)) == repr(event)


@given(facts.events)
def test_fields_are_ready_for_json(event: Event) -> None:
    values = to_fields(event)
    assert "kind" not in values
    assert from_fields(event.kind, json.loads(json.dumps(values))) == event


def test_kinds_are_past_tense_names_of_the_classes() -> None:
    assert KINDS["asset_materialized"] is AssetMaterialized
    assert all(cls.kind == kind for kind, cls in KINDS.items())
    assert all(kind == re.sub("(?<!^)(?=[A-Z])", "_", cls.__name__).lower() for kind, cls in KINDS.items())


def test_what_an_older_version_left_out_takes_its_default() -> None:
    event = from_fields("step_started", {"run_id": "r", "at": 1.0, "step": "a", "asset": "a"})
    assert event == facts.started()


def test_inputs_come_back_as_inputs() -> None:
    event = from_json(to_json(made(inputs=(Input("up", "p", "v", 3),))))
    assert isinstance(event, AssetMaterialized)
    assert event.inputs[0].data_version == "v"


def test_unknown_kinds_and_fields_are_refused() -> None:
    with pytest.raises(KeyError, match="rocket_launched"):
        from_fields("rocket_launched", {})
    with pytest.raises(TypeError, match="color"):
        from_fields("step_started", {**to_fields(facts.started()), "color": "red"})


def test_a_fact_is_frozen_and_named_for_good() -> None:
    event = made("model", "2013-01", run_id="r1")
    assert isinstance(event, AssetMaterialized)
    with pytest.raises(FrozenInstanceError):
        event.data_version = "other"  # type: ignore[misc]
    assert event.materialization_id == "r1:model[2013-01]"
