"""What the Evaluator measures on held-out events, and what blesses a model."""

from __future__ import annotations

import json

import tensorflow_model_analysis as tfma

from recommenders_tf.schema import FeatureSchema
from tfx_pipeline.config import EvaluationConfig

EVALUATE, LABELS = "evaluate", "labels"
"""Signatures of the exported model."""

HIT_RATE, NDCG, SCORE, AUC = "HR@10", "NDCG@10", "score", "auc"


def eval_config(config: EvaluationConfig, schema: FeatureSchema) -> tfma.EvalConfig:
    """Return the config of the Evaluator.

    The exported model judges itself: its signature `evaluate` gives the score of each held-out
    event, and how high the retriever ranks it among all items. Its signature `labels` gives the
    labels as it was trained on them, and leaves the raw features for slices.

    Args:
        config: What a model must reach.
        schema: Schema with a label.
    """
    label = schema.label
    assert label is not None
    model = tfma.ModelSpec(
        signature_name=EVALUATE,
        preprocessing_function_names=[LABELS],
        label_key=label.name,
    )
    baseline = tfma.ModelSpec(name="baseline", is_baseline=True)
    baseline.MergeFrom(model)
    model.name = "candidate"
    slices = [tfma.SlicingSpec(), *(tfma.SlicingSpec(feature_keys=[k]) for k in config.slices)]
    return tfma.EvalConfig(
        model_specs=[model, baseline],
        slicing_specs=slices,
        metrics_specs=[
            _metrics(HIT_RATE, _mean(HIT_RATE, _threshold(config.hit_rate, config.max_drop))),
            _metrics(NDCG, _mean(NDCG)),
            _metrics(
                SCORE,
                tfma.MetricConfig(
                    class_name="AUC",
                    config=json.dumps({"name": AUC}),
                    threshold=_threshold(config.auc, config.max_drop),
                ),
                tfma.MetricConfig(class_name="BinaryCrossEntropy"),
                tfma.MetricConfig(class_name="ExampleCount"),
            ),
        ],
    )


def _metrics(output: str, *metrics: tfma.MetricConfig) -> tfma.MetricsSpec:
    return tfma.MetricsSpec(output_names=[output], metrics=metrics)


def _mean(name: str, threshold: tfma.MetricThreshold | None = None) -> tfma.MetricConfig:
    config = json.dumps({"name": name})
    return tfma.MetricConfig(class_name="MeanPrediction", config=config, threshold=threshold)


def _threshold(least: float, max_drop: float) -> tfma.MetricThreshold:
    """Return a threshold that holds alone, and against the last blessed model if there is one."""
    return tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": least}),
        change_threshold=tfma.GenericChangeThreshold(
            absolute={"value": -max_drop}, direction=tfma.MetricDirection.HIGHER_IS_BETTER
        ),
    )
