"""What the reference says is run: the Python of each document, from its top to its end."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
DOCUMENTS = sorted(REFERENCE.rglob("*.md"))

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(REFERENCE).as_posix())
def test_the_python_of_a_document_runs(document, tmp_path, monkeypatch):
    text = document.read_text(encoding="utf-8")
    blocks = list(_BLOCK.finditer(text))
    assert blocks, "a page of the reference has an example"
    monkeypatch.chdir(tmp_path)
    module = ModuleType("document")
    monkeypatch.setitem(sys.modules, "document", module)
    for block in blocks:
        # Empty lines in front give errors the line numbers of the document.
        code = "\n" * text.count("\n", 0, block.start(1)) + block[1]
        exec(compile(code, str(document), "exec", dont_inherit=True), vars(module))
