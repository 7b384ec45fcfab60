"""Writes a page of the documentation for every model while the site is built.

A page is made from the docstring of the class, which is read and not imported, and from the rows
of the quality benchmark. `models.md` gets a link to each.
"""

from __future__ import annotations

import ast
import inspect
import pathlib
import re
from typing import Any

from mkdocs.structure.files import File, Files

from benchmarks.quality.render import RESULTS, figure, newest
from benchmarks.records import ROOT, read

_MODELS = ROOT / "recommenders_tf" / "models"
_SECTION = re.compile(r"^(\w[\w ]*):$", re.MULTILINE)
_KEPT = "When to choose it"


def on_files(files: Files, config: Any) -> Files:
    """Add a page for each model."""
    rows = newest(read(RESULTS))
    for path in sorted(_MODELS.glob("*/*.py")):
        if not path.stem.startswith("_"):
            text = page(path, rows)
            files.append(File.generated(config, f"models/{path.stem}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **kwargs: Any) -> str:
    """Link the names in the table of models to their pages."""
    if page.file.src_uri != "models.md":
        return markdown
    pattern = r"^\| `(\w+)` \| (retrieval|ranking) \|"
    return re.sub(pattern, r"| [`\1`](models/\1.md) | \2 |", markdown, flags=re.MULTILINE)


def page(path: pathlib.Path, rows: list[dict[str, Any]]) -> str:
    """Return the page of the model in a file.

    Args:
        path: `recommenders_tf/models/<room>/<name>.py`.
        rows: Rows of the quality benchmark.
    """
    name, found = path.stem, _registered(path)
    sections = _sections(inspect.cleandoc(ast.get_docstring(found) or ""))
    anchor = f"recommenders_tf.models.{path.parent.name}.{name}.{found.name}"
    own = [row for row in rows if row["recipe"]["model"] == name]
    parts = [f"# `{name}`", sections[""]]
    if _KEPT in sections:
        parts += [f"## {_KEPT}", inspect.cleandoc(sections[_KEPT])]
    parts += ["## Results", _results(own) if own else "None yet."]
    parts += [
        "## Train it",
        f"```console\n$ recommenders-tf train --model {name} --dataset ml-1m\n```",
        f"Arguments and an example: [`{found.name}`](../api/models.md#{anchor}). "
        f"Paper: {_paper(found)}.",
    ]
    return "\n\n".join(parts) + "\n"


def _results(rows: list[dict[str, Any]]) -> str:
    lines = ["| data | metric | ours (published, gap) | seeds |", "|---|---|---|---|"]
    lines += [
        f"| [{row['dataset']}](../results.md) | {row['metric']} | {figure(row)} | "
        f"{len(row['seeds'])} |"
        for row in rows
    ]
    return "\n".join(lines)


def _registered(path: pathlib.Path) -> ast.ClassDef:
    """Return the class of a file that `register` decorates."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return next(
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        and any(
            isinstance(d, ast.Call) and ast.unparse(d.func) == "register"
            for d in node.decorator_list
        )
    )


def _paper(found: ast.ClassDef) -> str:
    calls = (d for d in found.decorator_list if isinstance(d, ast.Call))
    call = next(call for call in calls if ast.unparse(call.func) == "register")
    return ast.literal_eval(call.keywords[0].value)


def _sections(docstring: str) -> dict[str, str]:
    """Return the sections of a docstring by title, what stands before them under an empty one."""
    parts = _SECTION.split(docstring)
    return {"": parts[0].strip(), **dict(zip(parts[1::2], parts[2::2], strict=True))}
