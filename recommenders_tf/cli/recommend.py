"""`recommend`: the best items for users."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recommenders_tf.cli.catalog import JsonOption
from recommenders_tf.cli.console import note, print_json, print_table
from recommenders_tf.cli.runs import Run, RunArgument

if TYPE_CHECKING:
    from recommenders_tf.schema import FeatureSchema

_SOMEBODY = ""
"""Id of a user of whom nothing is known but a history."""


def recommend(
    run: RunArgument,
    users: Annotated[
        list[str] | None,
        typer.Option("--user", "-u", metavar="ID", help="May be given several times."),
    ] = None,
    history: Annotated[
        list[str] | None,
        typer.Option(
            "--history",
            metavar="ID",
            help="An item that the user met since training, or that somebody without --user met; "
            "may be given several times, the oldest first.",
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Items for each user.")] = 10,
    include_seen: Annotated[
        bool, typer.Option("--include-seen", help="Keep the items that the user knows already.")
    ] = False,
    candidates: Annotated[
        list[str] | None,
        typer.Option(
            "--candidate",
            metavar="ID",
            help="Choose from these items alone; may be given several times.",
        ),
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(
            "--context",
            metavar="COLUMN=VALUE",
            help="A circumstance of the request, such as device=tv; may be given several times, "
            "also of one column that takes several values.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the best items for one or more users, with their titles.

    A user that training has not seen gets what an unknown user gets.

    Examples:
      recommenders-tf recommend runs/two_tower-movielens-100k --user 196
      recommenders-tf recommend runs/mf -u 196 -u 186 -k 5 --json
      recommenders-tf recommend runs/mf -u 196 --candidate 50 --candidate 172
      recommenders-tf recommend runs/sasrec --history 50 --history 172
      recommenders-tf recommend runs/sasrec --user 196 --context device=tv
    """
    if not users and not history:
        raise ValueError("Name a user with --user, or what somebody met with --history.")
    found = Run.find(run)
    model = found.load()
    if model.kind != "retrieval":
        raise ValueError(
            f"`{found.model_file}` is a model of kind {model.kind}, which puts given items in "
            "order but finds none: give one of kind retrieval (see `recommenders-tf models`), or "
            "combine the two with `recommenders-tf export --ranker`."
        )
    tables, users = model.tables, list(dict.fromkeys(users or [_SOMEBODY]))
    named = [user for user in users if user != _SOMEBODY]
    _note_unknown("user", named, tables.users.index, "answered as an unknown user")
    _note_unknown("item", history or (), tables.items.index, "left out")
    _note_unknown("item", candidates or (), tables.items.index, "left out")
    frame = model.recommend(
        users,
        min(k, tables.items.size),
        not include_seen,
        candidates,
        dict.fromkeys(users, history) if history else None,
        _read_context(context or (), model.schema),
    )
    answers = json.loads(frame.to_json(orient="records"))
    if as_json:
        print_json(answers)
        return
    key = model.schema.user_id.name
    columns = [name for name in frame.columns if name != key]
    for user in users:
        rows = [[answer[c] for c in columns] for answer in answers if answer[key] == user]
        who = (
            f"user {user}" if user != _SOMEBODY else f"somebody who met {', '.join(history or [])}"
        )
        print_table(columns, rows, title=f"For {who}")


def _note_unknown(what: str, ids: Collection[str], known: Collection[str], fate: str) -> None:
    """Tell on stderr which ids the model does not know."""
    if unknown := [name for name in ids if name not in known]:
        note(f"Not in the training data: {what} {', '.join(unknown)}; {fate}.")


def _read_context(pairs: Iterable[str], schema: FeatureSchema) -> dict[str, Any]:
    """Return the values of `COLUMN=VALUE` texts, in a list where the column takes several."""
    values: dict[str, Any] = {}
    for pair in pairs:
        name, is_pair, value = pair.partition("=")
        if not is_pair:
            raise ValueError(f"--context takes COLUMN=VALUE; got `{pair}`.")
        column = schema.columns.get(name)
        if column is not None and column.kind == "multi_hot":
            values.setdefault(name, []).append(value)
        else:
            values[name] = value
    return values
