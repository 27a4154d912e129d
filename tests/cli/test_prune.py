"""mlorch prune: what retention removes, and what it would."""

from __future__ import annotations

import json
import time

from tests.cli.conftest import SETTINGS

RETENTION = "\n[tool.mlorch.retention]\nruns = '1 s'\nvalues = '1 s'\n"


def test_what_would_go_is_said_and_then_goes(project):
    assert project("prune").out == "nothing went\n"
    project("materialize", "numbers", "total")
    project("materialize", "numbers", "total")
    time.sleep(1.1)
    project.write("pyproject.toml", SETTINGS + RETENTION)
    lines = project("prune", "--dry-run").out.splitlines()
    assert lines[0] == "1 runs would go"
    assert lines[-1].endswith("of the database")
    assert json.loads(project("runs", "list", "--json").out)[1]
    asked = json.loads(project("prune", "--dry-run", "--json").out)
    assert asked["runs"] == 1
    assert asked["periods"] == {"runs": 1.0, "logs": None, "ticks": 604_800.0, "values": 1.0}
    assert json.loads(project("prune", "--json").out)["runs"] == 1
    assert len(json.loads(project("runs", "list", "--json").out)) == 1
    assert project("prune").out == "nothing went\n"
