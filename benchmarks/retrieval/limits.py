"""What the machine allows a search: the rate of matrix products, and of reading memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.speed.memory import best_seconds, stream_rates

_SIDE = 2048


def start() -> Limits:
    return Limits()


class Limits:
    """Measures in a process that has its threads set."""

    def measure(self) -> dict[str, Any]:
        """Return GFLOP/s of a large float32 product, and GB/s of reading in order."""
        square = np.random.default_rng(0).standard_normal((_SIDE, _SIDE), np.float32)
        tensor = tf.constant(square)
        seconds = min(
            best_seconds(lambda: square @ square),
            best_seconds(lambda: tf.matmul(tensor, tensor).numpy()),
        )
        threads = tf.config.threading.get_intra_op_parallelism_threads()
        return {
            "product": 2 * _SIDE**3 / seconds / 1e9,
            "read": stream_rates(threads)["read"] / 1e9,
        }
