"""TFX's Pusher, made safe for a server that loads a version as soon as its folder appears."""

from __future__ import annotations

import json
import os
import uuid
from typing import Any

from tfx import types
from tfx.components.pusher import executor
from tfx.dsl.io import fileio


class Executor(executor.Executor):
    """Copies the model beside its place, under no number, then renames it to its version."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Push the model if it is blessed."""
        destination = json.loads(exec_properties["push_destination"])
        folder = destination["filesystem"]["base_directory"]
        partial = os.path.join(folder, f".pushing-{uuid.uuid4().hex[:8]}")
        destination["filesystem"]["base_directory"] = partial
        changed = {**exec_properties, "push_destination": json.dumps(destination)}
        super().Do(input_dict, output_dict, changed)
        if fileio.exists(partial):
            fileio.rmtree(partial)

    def _MarkPushed(  # noqa: N802
        self, model_push: types.Artifact, pushed_destination: str, pushed_version: str | None = None
    ) -> None:
        partial, version = os.path.split(pushed_destination)
        final = os.path.join(os.path.dirname(partial), version)
        fileio.rename(pushed_destination, final)
        super()._MarkPushed(model_push, final, pushed_version)
