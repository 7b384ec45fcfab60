"""The model that a candidate is compared with: the last blessed one that can be."""

from __future__ import annotations

import os

import ml_metadata as mlmd
from tensorflow.core.protobuf import saved_model_pb2
from tfx import types
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)
from tfx.dsl.io import fileio
from tfx.utils import path_utils

from tfx_pipeline.evaluation import EVALUATE, LABELS

CANDIDATE, MODEL, BLESSING = "candidate", "model", "model_blessing"


class LastBlessedModelStrategy(LatestBlessedModelStrategy):
    """TFX's strategy, for the models that a comparison makes sense with.

    The candidate itself is left out: a second run with nothing changed finds it in the cache,
    blessed by the first run, and would have it evaluated against itself and pushed again. Left
    out, too, are models that cannot be asked what the candidate is asked, as after a change of
    the label: with one of them as the baseline, every evaluation would fail for ever.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]] | None:
        """Return the last blessed model and its blessing, or none."""
        (candidate,) = input_dict[CANDIDATE]
        asked = judgements(candidate)
        comparable = [
            model
            for model in input_dict[MODEL]
            if model.id != candidate.id and judgements(model) == asked
        ]
        inputs = {MODEL: comparable, BLESSING: input_dict[BLESSING]}
        found = super().resolve_artifacts(store, inputs)
        return {CANDIDATE: [candidate], **(found or {MODEL: [], BLESSING: []})}


def judgements(model: types.Artifact) -> dict[str, set[str]] | None:
    """Return the outputs of the signatures that evaluation asks; None if the model is gone."""
    path = os.path.join(path_utils.serving_model_path(model.uri), "saved_model.pb")
    if not fileio.exists(path):
        return None
    with fileio.open(path, "rb") as file:
        graph = saved_model_pb2.SavedModel.FromString(file.read()).meta_graphs[0]
    return {
        name: set(graph.signature_def[name].outputs)
        for name in (EVALUATE, LABELS)
        if name in graph.signature_def
    }
