"""The language of selections: what each form means, and what is said of mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mlorch import AssetsDefinition, AssetSpec, Definitions, asset
from mlorch.errors import InvalidSelectionError
from mlorch.planning.selection import select


def made(key: str, *deps: str, **options: Any) -> AssetsDefinition:
    @asset(key=key, deps=deps, **options)
    def function() -> int:
        return 1

    return function


#   source (external) ─► flights ─► ml/features ─► ml/model ─► report ─► 2013
#   lookup (external) ──────────────────┘             └──────► ml/drift
GRAPH = Definitions(
    assets=[
        AssetSpec("source", tags={"tier": "raw"}),
        AssetSpec("lookup"),
        made("flights", "source", group_name="bronze", tags={"tier": "1", "pii": ""}),
        made("ml/features", "flights", "lookup", tags={"tier": "2"}),
        made("ml/model", "ml/features", kinds={"sklearn"}, owners=["team:ml"], tags={"c++": "a b"}),
        made("report", "ml/model", group_name="and"),
        made("ml/drift", "ml/model"),
        made("2013", "report"),
    ]
).graph
EVERYTHING = ("flights", "ml/features", "ml/model", "report", "ml/drift", "2013")


def short(expression: str | Sequence[str] | None) -> str:
    """First letters of the last parts of keys, in the order of the answer."""
    return "".join(key.rpartition("/")[2][0] for key in select(expression, GRAPH))


@pytest.mark.parametrize(
    "expression", [None, "*", " * ", "not (not *)", "**", "+flights+", "source+", "source*", "not source"]
)
def test_everything_that_can_be_made_in_topological_order(expression: str | None) -> None:
    assert select(expression, GRAPH) == EVERYTHING


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("flights", "f"),
        ("ml/model", "m"),
        ("key:ml/model", "m"),
        ("'ml/model'", "m"),
        ('key:"ml/model"', "m"),
        ("2013", "2"),
        # a plus is all the way, a number counts levels
        ("+ml/model", "ffm"),
        ("2+ml/model", "ffm"),
        ("1+ml/model", "fm"),
        ("0+ml/model", "m"),
        ("9+ml/model", "ffm"),
        ("*ml/model", "ffm"),
        ("ml/model+", "mrd2"),
        ("ml/model+1", "mrd"),
        ("ml/model+2", "mrd2"),
        ("ml/model*", "mrd2"),
        ("+ml/model+", "ffmrd2"),
        ("1+ml/model+2", "fmrd2"),
        ("+key:ml/model", "ffm"),
        ('1+key:"ml/model"', "fm"),
        ("key:ml/model+1", "mrd"),
        ('1+"ml/model"+1', "fmrd"),
        ("2013+", "2"),
        ("1+2013", "r2"),
        ("1+2013+1", "r2"),
        ("source+", "ffmrd2"),
        ("source+1", "f"),
        ("+flights", "f"),
        ("key:flights+ and +report", "ffmr"),
        # wildcards
        ("key:ml/*", "fmd"),
        ("key:*l/*", "fmd"),
        ("key:*2*", "2"),
        ("key:'*s'", "ff"),
        ("1+key:*model", "fm"),
        ("key:'*model'*", "mrd2"),
        ("key:*", "ffmrd2"),
        ("group:br*", "f"),
        ('group:"*ze"', "f"),
        ("tag:tier=*", "ff"),
        ("tag:*=2", "f"),
        ("owner:team:*", "m"),
        ("kind:sk*+1", "mrd"),
        # groups and the like
        ("group:bronze", "f"),
        ("group:bronze+1", "ff"),
        ("*group:'and'", "ffmr"),
        ("kind:sklearn", "m"),
        ("owner:team:ml", "m"),
        ("tag:tier", "ff"),
        ("tag:tier=2", "f"),
        ("tag:pii", "f"),
        ("tag:pii=''", "f"),
        ("tag:'c++'=\"a b\"", "m"),
        ('tag:"tier"="2"', "f"),
        ("1+tag:tier=2", "ff"),
        ("tag:tier=raw+1", "f"),
        ("kind:<null>", "ffrd2"),
        ("not owner:<null>", "m"),
        ("tag:<null>", "rd2"),
        ("not is:external", "ffmrd2"),
        ("is:external+1", "ff"),
        # functions: of what is given, within it
        ("roots(*)", "f"),
        ("sinks(*)", "d2"),
        ("roots(key:ml/*)", "f"),
        ("sinks(key:ml/*)", "d"),
        ("roots(key:ml/* or report)", "f"),
        ("sinks(+ml/model)", "m"),
        ("roots(+ml/model)", "f"),
        ("sinks( ml/model+ ) and not 2013", "d"),
        ("roots(source+)", "f"),
        ("roots(ml/drift or 2013)", "d2"),
        ("1+roots(key:ml/*)+1", "ffm"),
        ("sinks(roots(*)+)", "d2"),
        # operators
        ("flights and *", "f"),
        ("flights or ml/model", "fm"),
        ("flights or report and not report", "f"),
        ("(flights or report) and not report", "f"),
        ("not flights and not report", "fmd2"),
        ("NOT flights AND report Or 2013", "r2"),
        ("(flights or report)+1", "ffr2"),
        ("1+(ml/drift)", "md"),
        ("not+flights", "fmrd2"),
        ("(flights)or(report)", "fr"),
        ("flights\n  or report", "fr"),
        ("+flights and flights+", "f"),
        # lists
        (["report", "flights", "report"], "fr"),
        (("1+ml/drift", "2013"), "md2"),
        ([], ""),
        ("flights and report", ""),
        (["flights", "source"], "f"),
    ],
)
def test_what_is_meant(expression: str | Sequence[str], expected: str) -> None:
    assert short(expression) == expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("ml/modle", "there is no asset 'ml/modle'; did you mean 'ml/model'?"),
        ("flights or reprot+", "there is no asset 'reprot'; did you mean 'report'?"),
        ("''", "there is no asset ''"),
        ("ml/*", "there is no asset 'ml/'; for a wildcard write key:ml/*"),
        ("*rt", "there is no asset 'rt'; for a wildcard write key:*rt"),
        ("key:x*", "no asset has a key like 'x*'"),
        ("group:bronce", "no asset has the group 'bronce'; did you mean 'bronze'?"),
        ("kind:x*", "no asset has the kind 'x*'"),
        ("group:<null>", "no asset has no group"),
        ("owner:team:mk", "no asset has the owner 'team:mk'; did you mean 'team:ml'?"),
        ("tag:teir", "no asset has the tag 'teir'; did you mean 'tier'?"),
        ("tag:tier=3", "no asset has the tag 'tier=3'; did you mean 'tier=2'?"),
        ("source", "'source' is external: it is made elsewhere; 'source+' selects what reads it"),
        (
            ["source", "not *"],
            "'lookup' is external: it is made elsewhere; 'lookup+' selects what reads it",
        ),
    ],
)
def test_what_is_not_there(expression: str | Sequence[str], message: str) -> None:
    with pytest.raises(InvalidSelectionError) as caught:
        select(expression, GRAPH)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("expression", "column", "message"),
    [
        ("", 0, "expected an asset"),
        ("()", 1, "expected an asset"),
        ("flights and", 11, "expected an asset"),
        ("and", 0, "expected an asset"),
        ("flights or or report", 11, "expected an asset"),
        ("+", 1, "expected an asset"),
        ("+ flights", 1, "expected an asset"),
        ("++flights", 0, "one '+' is all that is upstream; two levels are 2+x"),
        ("report and flights++", 18, "one '+' is all that is downstream; two levels are x+2"),
        ("1++flights", 1, "one '+' is all that is downstream; two levels are x+2"),
        ("sinks(flights", 5, "this '(' is never closed"),
        ("sink(flights)", 0, "there is no function 'sink'; did you mean 'sinks'?"),
        ("leaves(*)", 0, "there is no function 'leaves'; there are roots and sinks"),
        ("roots()", 6, "expected an asset"),
        ("is:made", 0, "an asset is:external or it isn't; there is no is:made"),
        ("flights report", 8, "expected 'and' or 'or'"),
        ("flights\t report", 9, "expected 'and' or 'or'"),
        ("flights + report", 8, "expected 'and' or 'or'"),
        ("a*b", 2, "expected 'and' or 'or'"),
        ("flights)", 7, "expected 'and' or 'or'"),
        ("(flights report)", 0, "expected 'and', 'or' or ')'"),
        ("not (flights", 4, "this '(' is never closed"),
        ("'flights", 0, "this quote is never closed"),
        ('group:"x', 6, "this quote is never closed"),
        ("flights, report", 7, "a comma joins nothing: write 'or', or give a list"),
        ("group:", 6, "expected a value"),
        ("tag:tier=", 9, "expected a value"),
        ("flights or gruop:x", 11, "there is no filter 'gruop'; did you mean 'group'?"),
        ("zzz:x", 0, "there is no filter 'zzz'; there are key:, group:, tag:, kind:, owner:, is:"),
    ],
)
def test_a_mistake_is_shown_where_it_is(expression: str, column: int, message: str) -> None:
    with pytest.raises(InvalidSelectionError) as caught:
        select(expression, GRAPH)
    what, line, caret = str(caught.value).split("\n")
    assert message in what
    assert line[4:].split() == expression.split()
    assert caret == " " * (4 + column) + "^"
