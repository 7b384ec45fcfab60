"""The documentation says what the code does: its programs run, its table of models is whole."""

from __future__ import annotations

import pathlib
import re

import pytest

from recommenders_tf import registry

ROOT = pathlib.Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md"])
def test_python_of_the_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text()
    programs = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert programs
    namespace = {"__name__": "__main__"}
    for program in programs:
        exec(compile(program, page, "exec"), namespace)


def test_the_table_of_models_is_the_registry():
    text = (ROOT / "docs/models.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.MULTILINE)
    assert sorted(rows) == [(info.name, info.kind) for info in registry.describe()]


def test_the_commands_that_pages_name_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^\.PHONY: (\S+)", makefile, re.MULTILINE))
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        named = re.findall(r"(?:^\$ |`)make (\w[\w-]*)", page.read_text(), re.MULTILINE)
        assert set(named) <= targets, page.name
