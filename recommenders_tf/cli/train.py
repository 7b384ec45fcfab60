"""`train`: from a data set to a trained model in a folder."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import importlib.metadata
import pathlib
import platform
import tempfile
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recommenders_tf import registry
from recommenders_tf.cli.catalog import JsonOption
from recommenders_tf.cli.console import note, print_json, print_table, working
from recommenders_tf.cli.data_options import DataOptions
from recommenders_tf.cli.model_options import ModelOptions
from recommenders_tf.cli.options import flatten
from recommenders_tf.cli.protocol_options import SplitOptions
from recommenders_tf.cli.runs import METRICS_FILE, MODEL_FILE, RUNS, SETTINGS_FILE, write_json
from recommenders_tf.cli.training_options import TrainingOptions
from recommenders_tf.training.cluster import Cluster

if TYPE_CHECKING:
    from recommenders_tf.data import EventLog
    from recommenders_tf.models.base import Recommender

_PANEL = "Training"


@flatten
def train(
    context: typer.Context,
    chosen: ModelOptions,
    source: DataOptions,
    split: SplitOptions,
    options: TrainingOptions,
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
    catalogue; `evaluate` measures a run further.

    Where the variable TF_CONFIG describes a cluster, this process takes the part
    that it gives it: a parameter server and its workers serve until they are
    stopped, the chief writes the run.

    Examples:
      recommenders-tf train --model popularity --synthetic
      recommenders-tf train --model two_tower --dataset ml-100k --epochs 20
      recommenders-tf train --model mf --synthetic --set embedding_dim=32
      recommenders-tf train --model mf --events ratings.csv --schema schema.yaml
      recommenders-tf train --config best.yaml --dataset ml-100k
    """
    model = chosen.read(options.given(context))
    name, config = model.model, model.training
    cluster = Cluster.from_environment()
    if cluster and cluster.task_type == "evaluator":
        note("An evaluator has nothing to do: the chief measures the model.")
        return
    if cluster and cluster.serves:
        note(f"Serving as {cluster.task_type} {cluster.task_index} until this process is stopped.")
        cluster.serve()
    log = source.load()
    with working("Loading TensorFlow"):
        from recommenders_tf import data, evaluation, training

        protocol = split.over(evaluation.Protocol())
        cls = registry.get(name)
        strategy = training.prepare(config)
    parameters = chosen.parameters(cls, model)
    folder = output or RUNS / f"{name}-{source.name}"
    folder.mkdir(parents=True, exist_ok=True)
    started = datetime.datetime.now(datetime.timezone.utc)
    source.check_labels(log, cls)
    *parts, test = source.split(log, protocol, validation=config.patience is not None)
    events, validation = parts[0], parts[1] if len(parts) > 1 else None
    note(f"Training {name} on {len(events):,} events of {log.schema.name}, in {folder}.")
    with working("Encoding the events"):
        encoded = data.encode(events)
    with strategy.scope():
        recommender = cls(encoded.schema, **parameters)
        training.compile_model(recommender, config)
    try:
        training.train(recommender, encoded, config, folder, validation)
    except KeyboardInterrupt:
        note("Stopped. The same command goes on from the last backup.")
        raise
    recommender = training.local_copy(recommender)
    # All workers take part in what reads shared variables; the chief alone writes the run.
    with contextlib.ExitStack() as stack:
        if cluster and not cluster.is_chief:
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        recommender.save(folder / MODEL_FILE)
        with working(f"Measuring on {len(test):,} events"):
            metrics = evaluation.evaluate(recommender, test, protocol).metrics
        write_json(folder / METRICS_FILE, metrics)
        run = {
            "model": name,
            "hyper_parameters": _hyper_parameters(recommender),
            "training": dataclasses.asdict(config),
            "data": source.to_dict(),
            "protocol": protocol.to_dict(),
            "events": {
                "train": len(events),
                **({"validation": len(validation)} if validation else {}),
                "test": len(test),
            },
            "started": started.isoformat(timespec="seconds"),
            "finished": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "versions": _versions(),
        }
        write_json(folder / SETTINGS_FILE, run)
    if cluster and not cluster.is_chief:
        return
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
