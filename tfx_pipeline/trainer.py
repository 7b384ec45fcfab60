"""The Trainer's `run_fn`: transformed examples in, one SavedModel and its metrics out."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from recommenders_tf import registry, training
from recommenders_tf.cascade import Cascade
from recommenders_tf.cli.console import note
from recommenders_tf.data import EventLog, read_examples
from recommenders_tf.data.row_source import RowSource
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.models.retriever import Retriever
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.serving_tables import ServingTables
from recommenders_tf.signature_inputs import DEFAULT_K
from recommenders_tf.typed_config import from_dict
from tfx_pipeline.config import ModelConfig
from tfx_pipeline.raw_log import read_logs
from tfx_pipeline.transform_encoder import TransformEncoder

METRICS_FILE = "metrics.json"
_EVAL_BATCH = 4096

_Model = TypeVar("_Model", Retriever, Ranker)


@dataclasses.dataclass(frozen=True)
class TrainerConfig:
    """What the Trainer is told.

    Args:
        schema: `FeatureSchema.to_dict` of what `preprocessing_fn` was given.
        retriever: Model that finds candidates.
        ranker: Model that puts them in order.
        num_retrieved: Candidates that the ranker sees.
        work_dir: Folder that outlives a killed training; its checkpoints are there.
        code: Fingerprint of the code, so that other code trains anew.
        raw_examples: Folder of the artifact that ExampleGen wrote; the component adds it.
    """

    schema: Mapping[str, Any]
    retriever: ModelConfig
    ranker: ModelConfig
    num_retrieved: int
    work_dir: str
    code: str
    raw_examples: str = ""


def run_fn(fn_args: FnArgs) -> None:
    """Train retriever and ranker, measure them on held-out events, export both as one model.

    Args:
        fn_args: Of TFX; `custom_config` holds the fields of `TrainerConfig`.
    """
    config = from_dict(TrainerConfig, fn_args.custom_config)
    output = tft.TFTransformOutput(fn_args.transform_graph_path)
    encoder = TransformEncoder(FeatureSchema.from_dict(config.schema), output)
    train_log, eval_log = read_logs(config.raw_examples, encoder.schema)
    tables = ServingTables(encoder, train_log)
    folder = pathlib.Path(config.work_dir) / "training" / _fingerprint(fn_args)

    # As mapped files on this machine, so that there may be more examples than memory holds. Their
    # names go at once, so that a killed run leaves none behind; what is mapped stays readable.
    with tempfile.TemporaryDirectory() as columns:
        train, held_out = (
            read_examples(files, encoder.schema, folder=os.path.join(columns, split))
            for split, files in (("train", fn_args.train_files), ("eval", fn_args.eval_files))
        )

    def fit(model: ModelConfig) -> Any:
        return train_model(model, tables, train, folder)

    popularity = fit(ModelConfig("popularity", training=training.TrainingConfig(epochs=1)))
    retriever = fit(config.retriever)
    ranker = fit(config.ranker)
    cascade = Cascade(retriever, ranker, config.num_retrieved)
    eval_batches = held_out.batches(_EVAL_BATCH, shuffle=False)
    metrics = {
        "popularity": popularity.evaluate(eval_log),
        "retriever": retriever.evaluate(eval_log),
        "ranker": ranker.evaluate(eval_batches, return_dict=True, verbose=0),
        "cascade": evaluate_answers(cascade, eval_log),
        "models": {"retriever": config.retriever.model, "ranker": config.ranker.model},
        "held_out_events": len(eval_log),
        "items": len(eval_log.items),
    }
    with fileio.open(os.path.join(fn_args.model_run_dir, METRICS_FILE), "w") as file:
        file.write(json.dumps(metrics, indent=2))
    # Written here first: the artifact may be in a bucket.
    exported = cascade.export(folder.with_name(folder.name + "-model"))
    io_utils.copy_dir(str(exported), fn_args.serving_model_dir)
    shutil.rmtree(exported)
    io_utils.copy_dir(str(folder), os.path.join(fn_args.model_run_dir, "logs"))
    shutil.rmtree(folder)


def evaluate_answers(cascade: Cascade, test: EventLog) -> dict[str, float]:
    """Return HR@10 and NDCG@10 of what the exported model recommends, ranker and all.

    A ranker that was trained to tell what is liked need not tell what is chosen next.
    """
    schema, k = test.schema, DEFAULT_K
    key = [schema.user_id.name, schema.item_id.name]
    answers = cascade.recommend(test.events[key[0]].unique(), k)
    ranks = test.events.merge(answers, on=key)["rank"]
    gain = (1 / np.log2(1 + ranks)).sum()
    return {f"HR@{k}": len(ranks) / len(test), f"NDCG@{k}": gain / len(test)}


def train_model(
    config: ModelConfig, tables: ServingTables, examples: RowSource, folder: pathlib.Path
) -> Any:
    """Return a trained model that answers in raw ids.

    A model that an earlier, killed run had finished is read back; one that it had begun goes on.

    Args:
        config: The model.
        tables: Users, items and histories it answers for.
        examples: Transformed training examples.
        folder: Where checkpoints and logs are kept.
    """
    folder = folder / config.model
    settings = config.training
    with training.prepare(settings).scope():
        model = registry.get(config.model)(tables.schema, **config.parameters)
        training.compile_model(model, settings)
    rows = model.training_rows(examples)  # a model that reads a matrix has it now, trained or not
    weights = folder / "weights" / "finished"
    if weights.with_suffix(".index").exists():
        model.load_weights(weights)
    else:
        note(f"Training {config.model}, {len(examples):,} examples an epoch")
        training.train(model, rows, settings, folder)
        model.save_weights(weights)
    model.bind(tables)
    return model


def _fingerprint(fn_args: FnArgs) -> str:
    """Return what a run has in common with the killed one that it may go on from."""
    inputs = (fn_args.custom_config, fn_args.transform_graph_path, fn_args.train_files)
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
