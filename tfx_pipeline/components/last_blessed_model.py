"""The model that a candidate is compared with: the last blessed one, never itself."""

from __future__ import annotations

import ml_metadata as mlmd
from tfx import types
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)

CANDIDATE, MODEL, BLESSING = "candidate", "model", "model_blessing"


class LastBlessedModelStrategy(LatestBlessedModelStrategy):
    """TFX's strategy, with the candidate left out.

    A second run with nothing changed finds the candidate in the cache, blessed by the first run.
    TFX's own strategy would then have it evaluated against itself, and pushed again.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]] | None:
        """Return the last blessed model and its blessing, or none."""
        candidates = {artifact.id for artifact in input_dict[CANDIDATE]}
        others = [a for a in input_dict[MODEL] if a.id not in candidates]
        found = super().resolve_artifacts(store, {MODEL: others, BLESSING: input_dict[BLESSING]})
        return {CANDIDATE: input_dict[CANDIDATE], **(found or {MODEL: [], BLESSING: []})}
