"""What the Evaluator measures on held-out events, and what blesses a model."""

from __future__ import annotations

import json
from collections.abc import Sequence

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
            _metrics(HIT_RATE, _mean(HIT_RATE, _gate(config.hit_rate, config.max_drop))),
            _metrics(NDCG, _mean(NDCG)),
            _metrics(
                SCORE,
                tfma.MetricConfig(
                    class_name="AUC",
                    config=json.dumps({"name": AUC}),
                    per_slice_thresholds=_gate(config.auc, config.max_drop),
                ),
                tfma.MetricConfig(class_name="BinaryCrossEntropy"),
                tfma.MetricConfig(class_name="ExampleCount"),
            ),
        ],
    )


def _metrics(output: str, *metrics: tfma.MetricConfig) -> tfma.MetricsSpec:
    return tfma.MetricsSpec(output_names=[output], metrics=metrics)


def _mean(name: str, gate: Sequence[tfma.PerSliceMetricThreshold] = ()) -> tfma.MetricConfig:
    return tfma.MetricConfig(
        class_name="MeanPrediction",
        config=json.dumps({"name": name}),
        per_slice_thresholds=gate,
    )


def _gate(least: float, max_drop: float) -> list[tfma.PerSliceMetricThreshold]:
    """Return what all events together must reach; a slice may be too small to judge by.

    The first threshold holds alone, the second against the last blessed model if there is one.
    """
    threshold = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": least}),
        change_threshold=tfma.GenericChangeThreshold(
            absolute={"value": -max_drop}, direction=tfma.MetricDirection.HIGHER_IS_BETTER
        ),
    )
    overall = tfma.SlicingSpec()
    return [tfma.PerSliceMetricThreshold(slicing_specs=[overall], threshold=threshold)]
