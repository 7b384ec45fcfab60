"""What filters find in the last few steps of a sequence."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class WindowConvolution(tf.keras.layers.Layer):
    """Filters the matrix of the last L steps, after every step.

    Of the window E `[L, d]`, zeros where the sequence has not so many steps, a horizontal filter of
    height h gives max over i of relu(⟨F, E[i : i + h]⟩ + b), from i = 0 to L − h; all heights from
    1 to L have as many filters (eq. 4 and 5). A vertical filter gives Σₗ fₗ E[l], d wide (eq. 6
    and 7).

    Args:
        window: Number L of steps.
        horizontal: Horizontal filters of each height.
        vertical: Vertical filters.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: `[batch, steps, d]`.
        remaining: Steps that are left of the sequence, the step itself included; 0 at padding;
            int32 `[batch, steps]`. Several sequences may stand in a row.

    Output shape:
        `[batch, steps, L * horizontal + vertical * d]`.

    Raises:
        ValueError: An argument is below 1.

    Example:
        >>> layer = WindowConvolution(window=3, horizontal=4, vertical=2)
        >>> layer(tf.ones([1, 5, 6]), tf.constant([[2, 1, 3, 2, 1]])).shape.as_list()
        [1, 5, 24]

    References:
        Tang, Wang: Personalized Top-N Sequential Recommendation via Convolutional Sequence
        Embedding, WSDM 2018, arXiv:1809.07426.
    """

    def __init__(self, window: int, horizontal: int, vertical: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if min(window, horizontal, vertical) < 1:
            raise ValueError(
                "`window`, `horizontal` and `vertical` must be at least 1; they are "
                f"{window}, {horizontal} and {vertical}."
            )
        self.window = window
        self.horizontal = horizontal
        self.vertical = vertical

    def build(self, input_shape: Any) -> None:
        """Create the filters."""
        dim = input_shape[-1]
        self.filters = [
            self.add_weight(name=f"filters_{height}", shape=[height * dim, self.horizontal])
            for height in range(1, self.window + 1)
        ]
        self.biases = self.add_weight(
            name="biases", shape=[self.window, self.horizontal], initializer="zeros"
        )
        self.sums = self.add_weight(name="sums", shape=[self.window, self.vertical])
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, remaining: tf.Tensor) -> tf.Tensor:
        """Return what all filters give."""
        batch, steps, dim = tf.shape(inputs)[0], tf.shape(inputs)[1], inputs.shape[2]
        windows = self._windows(inputs, remaining)
        found = []
        for height, filters in enumerate(self.filters, 1):
            spans = self.window - height + 1
            at = tf.concat([windows[:, :, i : i + spans] for i in range(height)], axis=3)
            found.append(tf.reduce_max(tf.tensordot(at, filters, 1), axis=2))
        across = tf.nn.relu(tf.stack(found, axis=2) + self.biases)
        down = tf.einsum("bsld,lv->bsvd", windows, self.sums)
        flat = [
            tf.reshape(across, [batch, steps, self.window * self.horizontal]),
            tf.reshape(down, [batch, steps, self.vertical * dim]),
        ]
        return tf.concat(flat, axis=2)

    def _windows(self, inputs: tf.Tensor, remaining: tf.Tensor) -> tf.Tensor:
        """Return the last L steps of each, the step itself the last, `[batch, steps, L, d]`."""
        steps = tf.shape(inputs)[1]
        remaining = tf.cast(remaining, tf.int32)
        parts = []
        for back in range(self.window - 1, -1, -1):
            shift = [[0, 0], [back, 0]]
            earlier = tf.pad(inputs, [*shift, [0, 0]])[:, :steps]
            # Of the same sequence, counted down from there to here.
            left = tf.pad(remaining, shift)[:, :steps]
            same = (left == remaining + back) & (remaining > 0)
            parts.append(tf.where(same[:, :, tf.newaxis], earlier, 0))
        return tf.stack(parts, axis=2)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "window": self.window,
            "horizontal": self.horizontal,
            "vertical": self.vertical,
        }
