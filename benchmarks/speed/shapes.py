"""The matrix products of dense layers, counted."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Dense:
    """A dense layer: `rows` vectors, `inputs` wide, become `outputs` wide."""

    rows: int
    inputs: int
    outputs: int

    @property
    def flops(self) -> int:
        """Of its forward product and the two of its backward pass."""
        return 3 * 2 * self.rows * self.inputs * self.outputs


def mlp(rows: int, widths: Sequence[int]) -> list[Dense]:
    """Return the layers of an MLP, its input width first."""
    return [Dense(rows, i, o) for i, o in itertools.pairwise(widths)]
