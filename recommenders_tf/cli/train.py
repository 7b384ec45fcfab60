"""`train`: from a data set to a trained model in a folder."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import importlib.metadata
import pathlib
import platform
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recommenders_tf import registry
from recommenders_tf.cli import hyper_parameters
from recommenders_tf.cli.catalog import JsonOption
from recommenders_tf.cli.console import note, print_json, print_table, working
from recommenders_tf.cli.data_options import DataOptions, Split
from recommenders_tf.cli.evaluate import measure
from recommenders_tf.cli.options import flatten
from recommenders_tf.cli.runs import METRICS_FILE, MODEL_FILE, RUNS, SETTINGS_FILE, write_json

if TYPE_CHECKING:
    from recommenders_tf.data import EventLog
    from recommenders_tf.models.base import Recommender

_PANEL = "Training"


class Precision(str, enum.Enum):
    """Keras policies."""

    FLOAT32 = "float32"
    MIXED_BFLOAT16 = "mixed_bfloat16"
    MIXED_FLOAT16 = "mixed_float16"


@dataclasses.dataclass(frozen=True)
class TrainingOptions:
    """How to train."""

    epochs: Annotated[
        int, typer.Option(min=1, help="Passes over the events.", rich_help_panel=_PANEL)
    ] = 10
    batch_size: Annotated[
        int, typer.Option(min=1, help="Events a step.", rich_help_panel=_PANEL)
    ] = 1024
    seed: Annotated[
        int, typer.Option(min=0, help="The same seed, the same run.", rich_help_panel=_PANEL)
    ] = 0
    precision: Annotated[
        Precision,
        typer.Option(
            metavar="POLICY",
            help="float32, or mixed_bfloat16 or mixed_float16 on hardware that has them.",
            rich_help_panel=_PANEL,
        ),
    ] = Precision.FLOAT32
    split: Annotated[
        Split,
        typer.Option(
            help="Which events are kept for the test: the last one of each user, or the latest "
            "tenth of all.",
            rich_help_panel=_PANEL,
        ),
    ] = Split.LEAVE_LAST_OUT


@flatten
def train(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Name of a model; `recommenders-tf models` lists them.",
            autocompletion=registry.names,
            show_default=False,
        ),
    ],
    source: DataOptions,
    options: TrainingOptions,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A hyper-parameter of the model; may be given several times.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    output: Annotated[
        pathlib.Path | None,
        typer.Option(
            "--output",
            "-o",
            file_okay=False,
            help="Folder of the run; by default runs/MODEL-DATASET. A run that is there is "
            "replaced; one that was stopped half-way goes on.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train a model and measure it on events that it has not seen.

    The folder of the run gets the model (model.keras), its metrics
    (metrics.json), all settings (run.json), the loss of each epoch (history.csv)
    and logs for TensorBoard. Models that retrieve are measured over the full
    catalogue.

    Examples:
      recommenders-tf train popularity --synthetic
      recommenders-tf train two_tower --dataset movielens-100k --epochs 20
      recommenders-tf train mf --synthetic --set embedding_dim=32 -o runs/mf32
      recommenders-tf train mf --events ratings.csv --schema schema.yaml
    """
    name = model if model in registry.names() else registry.get(model).info.name
    log = source.load()
    with working("Loading TensorFlow"):
        from recommenders_tf import data, training

        cls = registry.get(name)
    chosen = hyper_parameters.parse(cls, settings or ())
    folder = output or RUNS / f"{name}-{source.name}"
    folder.mkdir(parents=True, exist_ok=True)
    how: dict[str, Any] = {
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "seed": options.seed,
        "precision": options.precision.value,
    }
    config = training.TrainingConfig(**how, folder=folder)
    started = datetime.datetime.now(datetime.timezone.utc)
    events, test = log.split(options.split.value)
    note(f"Training {name} on {len(events):,} events of {log.schema.name}, in {folder}.")
    with working("Encoding the events"):
        encoded = data.encode(events)
    with training.prepare(config).scope():
        recommender = cls(encoded.schema, **chosen)
        recommender.compile()
    try:
        training.train(recommender, encoded, config)
    except KeyboardInterrupt:
        note("Stopped. The same command goes on after the last whole epoch.")
        raise
    recommender.save(folder / MODEL_FILE)
    metrics = measure(recommender, test)
    write_json(folder / METRICS_FILE, metrics)
    run = {
        "model": name,
        "hyper_parameters": _hyper_parameters(recommender),
        "training": how,
        "data": source.to_dict(),
        "split": options.split.value,
        "events": {"train": len(events), "test": len(test)},
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "versions": _versions(),
    }
    write_json(folder / SETTINGS_FILE, run)
    if as_json:
        print_json({"run": str(folder), "metrics": metrics})
    else:
        print_table(("metric", "value"), metrics.items())
        note(f"Next: recommenders-tf {_next(cls.kind, folder, log)}")


def _next(kind: str, folder: pathlib.Path, log: EventLog) -> str:
    """Return the command that a newcomer may want to try on a run."""
    if kind == "ranking":
        return f"export RUN_THAT_RETRIEVES models/{log.schema.name} --ranker {folder}"
    return f"recommend {folder} --user {log.users[log.schema.user_id.name].iat[0]}"


def _hyper_parameters(model: Recommender) -> dict[str, Any]:
    """Return every argument of the model's constructor but the schema."""
    return {k: v for k, v in model.get_config().items() if k not in ("schema", "name")}


def _versions() -> dict[str, str]:
    return {
        name: importlib.metadata.version(name)
        for name in ("recommenders-tf", "tensorflow", "tf-keras", "tensorflow-recommenders")
    } | {"python": platform.python_version()}
