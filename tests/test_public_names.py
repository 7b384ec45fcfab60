"""What users may rely on: the public names, their docstrings and the size of their constructors.

`make golden` (`python -m tests.test_public_names`) writes the snapshot of the names anew.
"""

from __future__ import annotations

import ast
import doctest
import functools
import importlib
import inspect
import json
import pathlib
import re
import types
from collections.abc import Iterator
from typing import Any

import pytest

from recommenders_tf import registry

ROOT = pathlib.Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden" / "public_names.json"
PACKAGES = ("recommenders_tf", "tfx_pipeline", "serving")
MOST_ARGUMENTS = 8


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Yield the name and the syntax tree of every module, in the order of their names."""
    for path in sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts).removesuffix(".__init__"), ast.parse(path.read_text())


def declared(name: str, tree: ast.Module) -> list[str] | None:
    """Return `__all__` of a module; one that is computed is asked for by importing the module."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            try:
                return list(ast.literal_eval(node.value))
            except ValueError:
                return list(importlib.import_module(name).__all__)
    return None


def defined(tree: ast.Module) -> list[str]:
    """Return the names that a module defines."""
    names = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
    return [name for name in names if not name.startswith("_")]


def public_names() -> dict[str, list[str]]:
    """Return the public names of every public module that has any."""
    names = {}
    for module, tree in modules():
        if not any(part.startswith("_") for part in module.split(".")):
            exported = declared(module, tree)
            names[module] = sorted(defined(tree) if exported is None else exported)
    return {module: found for module, found in names.items() if found}


def exports() -> dict[str, Any]:
    """Return every class and function that the library exports, and every model."""
    found: dict[str, Any] = {}
    for module, tree in modules():
        if module.startswith("recommenders_tf"):
            for name in declared(module, tree) or []:
                value = getattr(importlib.import_module(module), name)
                if isinstance(value, type | types.FunctionType):
                    found[f"{value.__module__}.{value.__qualname__}"] = value
    for name in registry.names():
        value = registry.get(name)
        found[f"{value.__module__}.{value.__qualname__}"] = value
    return found


def test_public_names_are_those_of_the_snapshot():
    golden = json.loads(GOLDEN.read_text())
    current = public_names()
    changes = [
        f"{sign} {module}.{name}"
        for sign, now, before in (("+", current, golden), ("-", golden, current))
        for module, names in now.items()
        for name in sorted(set(names) - set(before.get(module, [])))
    ]
    assert not changes, "Public names changed; if it is meant, run `make golden`:\n" + "\n".join(
        changes
    )


def test_every_exported_name_is_there():
    missing = [
        f"{module}.{name}"
        for module, tree in modules()
        if module.startswith("recommenders_tf")
        for name in declared(module, tree) or []
        if not hasattr(importlib.import_module(module), name)
    ]
    assert not missing


def test_every_export_has_an_example_that_runs():
    example = re.compile(r"^Examples?:\n+(?:    .*\n+)*?    >>> ", re.MULTILINE)
    without = [
        name for name, value in exports().items() if not example.search(inspect.getdoc(value) or "")
    ]
    assert not without, "Add an `Example:` with `>>>` lines, which pytest runs, to " + ", ".join(
        without
    )


def made_by_its_example(cls: type, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Run the example in the docstring of a class; return the instances it makes."""
    made: list[Any] = []
    construct = cls.__init__

    @functools.wraps(construct)
    def record(self: Any, *args: Any, **kwargs: Any) -> None:
        construct(self, *args, **kwargs)
        made.append(self)

    monkeypatch.setattr(cls, "__init__", record)
    namespace = dict(vars(importlib.import_module(cls.__module__)))
    example = doctest.DocTestParser().get_doctest(cls.__doc__, namespace, cls.__name__, None, 0)
    doctest.DocTestRunner(verbose=False).run(example, out=lambda text: None)
    monkeypatch.undo()
    return [instance for instance in made if type(instance) is cls]


def test_every_export_with_a_config_makes_its_like_from_it(monkeypatch):
    from recommenders_tf.models.base import Recommender  # the contract tests do this for models

    classes = [
        value
        for value in exports().values()
        if hasattr(value, "get_config") and not issubclass(value, Recommender)
    ]
    assert classes
    for cls in classes:
        instances = made_by_its_example(cls, monkeypatch)
        assert instances, f"the example of {cls.__name__} makes none"
        arguments = inspect.signature(cls).parameters.values()
        named = {a.name for a in arguments if a.kind not in (a.VAR_POSITIONAL, a.VAR_KEYWORD)}
        for instance in instances:
            config = instance.get_config()
            assert named <= set(config), f"{cls.__name__} leaves out {named - set(config)}"
            again = cls.from_config(json.loads(json.dumps(config)))
            assert json.dumps(again.get_config()) == json.dumps(config), cls.__name__


def constructors() -> Iterator[tuple[str, int]]:
    """Yield every class with a written constructor and the number of its arguments."""
    for module, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                for method in node.body:
                    if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                        arguments = method.args
                        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
                        yield f"{module}.{node.name}", len(named) - 1


def test_no_constructor_takes_more_arguments_than_one_can_keep_in_mind():
    assert dict(constructors())
    large = {name: count for name, count in constructors() if count > MOST_ARGUMENTS}
    assert not large, f"Over {MOST_ARGUMENTS} arguments, make it a frozen dataclass: {large}"


def main() -> None:
    """Write the snapshot."""
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(public_names(), indent=2) + "\n")


if __name__ == "__main__":
    main()
