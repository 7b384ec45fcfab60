from __future__ import annotations

import dataclasses
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from recommenders_tf.cli.options import flatten


@dataclasses.dataclass(frozen=True)
class Size:
    width: Annotated[int, typer.Option(help="How wide.")] = 3
    height: Annotated[int | None, typer.Option("--high", help="How high.")] = None


app = typer.Typer()


@app.command()
@flatten
def draw(
    name: Annotated[str, typer.Argument()],
    size: Size,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="Marks.")] = None,
) -> None:
    """Draw it."""
    print(name, size, tags)


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["box"], "box Size(width=3, height=None)"),
        (["box", "--width", "5", "--high", "2"], "box Size(width=5, height=2)"),
        (["--tag", "a", "box", "--tag", "b"], "box Size(width=3, height=None) ['a', 'b']"),
    ],
)
def test_fields_are_options_and_arrive_as_the_dataclass(arguments, printed):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert result.stdout.startswith(printed)


def test_help_knows_every_option_and_its_text():
    out = CliRunner().invoke(app, ["--help"]).stdout
    for text in ("Draw it.", "--width", "How wide.", "--high", "How high.", "--tag", "Marks."):
        assert text in out
    assert "--size" not in out
