"""`schema`: a first draft of a feature schema from a data file."""

from __future__ import annotations

import pathlib
from typing import Annotated

import typer
import yaml

from recommenders_tf.cli.console import note, working

_FILE = {"exists": True, "dir_okay": False}


def schema(
    events: Annotated[
        pathlib.Path,
        typer.Argument(metavar="FILE", help="Events: CSV, TSV or Parquet.", **_FILE),
    ],
    users: Annotated[pathlib.Path | None, typer.Option(help="One row a user.", **_FILE)] = None,
    items: Annotated[pathlib.Path | None, typer.Option(help="One row an item.", **_FILE)] = None,
    user_id: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The user's id; found by itself if clear.")
    ] = None,
    item_id: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The item's id; likewise.")
    ] = None,
    event_time: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="When it happened; likewise.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="A rating, a click; likewise.")
    ] = None,
    output: Annotated[
        pathlib.Path | None, typer.Option("--output", "-o", help="Write it here, not to stdout.")
    ] = None,
) -> None:
    """Draft a feature schema from your data.

    A schema says what each column means: ids, categories, numbers, text, time,
    label. Read the draft and correct it, then train with it.

    Examples:
      recommenders-tf schema ratings.csv
      recommenders-tf schema ratings.csv --items movies.csv -o schema.yaml
      recommenders-tf train --model mf --events ratings.csv --schema schema.yaml
    """
    if output and output.exists():
        raise FileExistsError(f"`{output}` is there already: remove it, or give another --output.")
    with working("Reading the data"):
        from recommenders_tf.schema_inference import infer_schema

        draft = infer_schema(
            events,
            users,
            items,
            user_id=user_id,
            item_id=item_id,
            event_time=event_time,
            label=label,
        )
    if output:
        draft.save(output)
        note(f"Wrote {output}: read it, correct it, and give it to `train` with --schema.")
    else:
        print(yaml.safe_dump(draft.to_dict(), sort_keys=False, allow_unicode=True), end="")
