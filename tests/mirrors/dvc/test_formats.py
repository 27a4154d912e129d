"""What is written by hand is what DVC's own writer makes of the same content."""

from __future__ import annotations

from typing import Any

from dvc.utils.serialize import dumps_yaml, loads_yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlorch.mirrors.dvc.formats import MARK, PARAMS_FILE, lock_text, params_text, pipeline_text
from mlorch.mirrors.dvc.places import Entry, Held
from mlorch.mirrors.dvc.stages import Code, Metrics, Stage

ODD = [
    "",
    " ",
    "true",
    "No",
    "~",
    "12",
    "1.5",
    "1e5",
    "0x1f",
    "1_000",
    "2013-01-01",
    "1:30",
    "a: b",
    "a #b",
    "- a",
]
ODD += [
    "'",
    '"',
    "é",
    "a\nb",
    "a\n",
    "word " * 30,
    "w" * 200,
    "*a",
    "&a",
    "!a",
    "%a",
    "@a",
    "`a",
    "0b1",
    "0o7",
    "=",
]
ODD += [
    "mlorch materialize " + "x" * 70,
    "mlorch materialize x --all",
    "data/a.b-c_d/e.json",
    "12e4",
    "null",
    "y",
]

TEXT = st.one_of(
    st.sampled_from(ODD),
    st.from_regex(r"[a-z0-9_./ -]{1,40}", fullmatch=True),
    st.text(min_size=1, max_size=12),
)
SAFE_NAME = st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True)
HASH = st.one_of(
    st.text("0123456789e", min_size=32, max_size=32), st.text("0123456789abcdef", min_size=32, max_size=32)
)
PATH = st.from_regex(r"data/[A-Za-z0-9_./-]{1,120}", fullmatch=True)
ENTRY = st.builds(
    Entry,
    path=PATH,
    md5=st.one_of(HASH, HASH.map(lambda digest: f"{digest}.dir")),
    size=st.integers(0),
    files=st.none() | st.integers(0),
)
STAGE = st.builds(
    Stage,
    name=SAFE_NAME,
    command=st.from_regex(
        r"mlorch materialize [A-Za-z0-9_./-]{1,80}( --all-partitions --stale)?", fullmatch=True
    ),
    deps=st.lists(PATH, max_size=2).map(tuple),
    consumed=st.lists(ENTRY, max_size=2).map(tuple),
    held=st.lists(st.builds(Held, st.lists(ENTRY, max_size=2).map(tuple)), max_size=2).map(tuple),
    made=st.just(()),
    codes=st.lists(st.builds(Code, SAFE_NAME, TEXT, TEXT), max_size=2, unique_by=lambda code: code.name).map(
        tuple
    ),
    metrics=st.lists(
        st.builds(Metrics, ENTRY.map(lambda entry: entry._replace(files=None)), st.just("")), max_size=2
    ).map(tuple),
)
STAGES = st.lists(STAGE, min_size=1, max_size=3, unique_by=lambda stage: stage.name)


def has_distinct_codes(stages: list[Stage]) -> bool:
    names = [code.name for stage in stages for code in stage.codes]
    return len(names) == len(set(names))


def without_head(text: str) -> str:
    head, _, rest = text.partition("\n")
    assert head.startswith(MARK)
    return rest


def listed(stage: Stage) -> dict[str, Any]:
    params = {PARAMS_FILE: {code.name: code.then for code in stage.codes}} if stage.codes else {}
    entries = sorted([*stage.outs, *(one.entry for one in stage.metrics)])
    found = {
        "cmd": stage.command,
        "deps": [locked(entry) for entry in stage.consumed],
        "params": params,
        "outs": [locked(entry) for entry in entries],
    }
    return {key: value for key, value in found.items() if value}


def locked(entry: Entry) -> dict[str, Any]:
    files = {} if entry.files is None else {"nfiles": entry.files}
    return {"path": entry.path, "hash": "md5", "md5": entry.md5, "size": entry.size, **files}


@settings(deadline=None, max_examples=40)  # the first example imports DVC's writer
@given(STAGES)
def test_the_lock_is_what_dvc_writes(stages: list[Stage]) -> None:
    content = {"schema": "2.0", "stages": {stage.name: listed(stage) for stage in stages}}
    assert lock_text(stages) == dumps_yaml(content)


@settings(deadline=None, max_examples=40)
@given(STAGES, st.sampled_from([None, ".."]))
def test_the_pipeline_is_what_dvc_writes(stages: list[Stage], wdir: str | None) -> None:
    text = without_head(pipeline_text(stages, wdir))
    assert text == dumps_yaml(loads_yaml(text, typ="rt"))
    content = loads_yaml(text)["stages"]
    assert list(content) == [stage.name for stage in stages]
    for stage in stages:
        assert content[stage.name]["cmd"] == stage.command
        assert content[stage.name].get("wdir") == wdir
        assert content[stage.name].get("deps", []) == list(stage.deps)
        assert content[stage.name].get("outs", []) == [
            {entry.path: {"persist": True}} for entry in stage.outs
        ]


@settings(deadline=None, max_examples=40)
@given(STAGES.filter(has_distinct_codes))
@example([])
def test_the_params_are_the_code_versions_of_now(stages: list[Stage]) -> None:
    expected = {code.name: code.now for stage in stages for code in stage.codes}
    text = params_text(stages)
    assert (without_head(text) if expected else text) == (dumps_yaml(expected) if expected else "")
