"""A recurrent network whose gates know how far apart steps were, and how long ago."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class TimeAwareLSTM(tf.keras.layers.Layer):
    """Runs a long short-term memory whose steps are led by two times each.

    With input xₜ, the interval Δₜ since the step before and the time sₜ from the step to now,

        δₜ = tanh(w_δ Δₜ + b_δ)                         what the interval says
        σₜ = tanh(w_s sₜ + b_s)                         what the time to now says
        D = sigmoid(W_D xₜ + V_D δₜ + b_D)              gate of the interval
        S = sigmoid(W_S xₜ + V_S σₜ + b_S)              gate of the time to now
        i = sigmoid(W_i xₜ + U_i hₜ₋₁ + b_i)            and f likewise, its bias 1 at first
        o = sigmoid(W_o xₜ + U_o hₜ₋₁ + V_δ δₜ + V_s σₜ + b_o)
        cₜ = f ⊙ D ⊙ cₜ₋₁ + i ⊙ S ⊙ tanh(W_c xₜ + U_c hₜ₋₁ + b_c)
        hₜ = o ⊙ tanh(cₜ)

    from c₀ = h₀ = 0. What is not of a state is computed for all steps at once. Padding leaves the
    state as it is.

    Args:
        units: Width of the state.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: `[batch, length, dim]`.
        intervals: Δₜ, `[batch, length]`, on a scale of about 1, such as a logarithm.
        ages: sₜ, likewise.
        mask: Bool `[batch, length]`, False at padding.

    Output shape:
        The states hₜ after every step, `[batch, length, units]`.

    Example:
        >>> layer, times = TimeAwareLSTM(3), tf.ones([2, 4])
        >>> layer(tf.ones([2, 4, 5]), times, times, tf.ones([2, 4], tf.bool)).shape.as_list()
        [2, 4, 3]

    References:
        Yu, Lian, Mahmoody, Liu, Xie: Adaptive User Modeling with Long and Short-Term Preferences
        for Personalized Recommendation, IJCAI 2019, doi:10.24963/ijcai.2019/585. The equations
        were held against the authors' program (`Time4LSTMCell` in
        github.com/recommenders-team/recommenders); the text of the paper was not at hand.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: Any) -> None:
        """Create the weights: of i, f, o, the new content, D and S, side by side."""
        units = self.units
        self.kernel = self.add_weight("kernel", [input_shape[-1], 6 * units])
        self.recurrent_kernel = self.add_weight(
            "recurrent_kernel", [units, 4 * units], initializer="orthogonal"
        )
        self.bias = self.add_weight("bias", [6 * units], initializer=_forget_one)
        self.time_kernel = self.add_weight("time_kernel", [2, units])
        self.time_bias = self.add_weight("time_bias", [2, units], initializer="zeros")
        # Of the output gate first, then of the time's own gate.
        self.interval_kernel = self.add_weight("interval_kernel", [units, 2 * units])
        self.age_kernel = self.add_weight("age_kernel", [units, 2 * units])
        super().build(input_shape)

    def call(
        self, inputs: tf.Tensor, intervals: tf.Tensor, ages: tf.Tensor, mask: tf.Tensor
    ) -> tf.Tensor:
        """Return the states."""
        units = self.units
        times = [tf.cast(part, self.compute_dtype)[:, :, tf.newaxis] for part in (intervals, ages)]
        (interval_to_output, interval_gate), (age_to_output, age_gate) = (
            tf.split(tf.tensordot(tf.tanh(time * weight + bias), kernel, 1), 2, axis=2)
            for time, weight, bias, kernel in zip(
                times,
                tf.unstack(self.time_kernel),
                tf.unstack(self.time_bias),
                (self.interval_kernel, self.age_kernel),
                strict=True,
            )
        )
        projected = tf.tensordot(inputs, self.kernel, 1) + self.bias
        of_input, of_forget, of_output, content, of_interval, of_age = tf.split(
            projected, 6, axis=2
        )
        gates = tf.concat(
            [of_input, of_forget, of_output + interval_to_output + age_to_output, content], axis=2
        )
        keep, add = tf.sigmoid(of_interval + interval_gate), tf.sigmoid(of_age + age_gate)
        real = tf.cast(mask, self.compute_dtype)[:, :, tf.newaxis]
        return _scan(tf.concat([gates, keep, add, real], axis=2), self.recurrent_kernel, units)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"units": self.units}


def _scan(parts: tf.Tensor, recurrent_kernel: tf.Tensor, units: int) -> tf.Tensor:
    """Return the states from what is known of all steps, `[batch, length, 6 units + 1]`."""
    length, dtype = parts.shape[1], parts.dtype
    recurrent_kernel = tf.cast(recurrent_kernel, dtype)
    inputs = tf.TensorArray(dtype, length).unstack(tf.transpose(parts, [1, 0, 2]))
    steps = tf.TensorArray(dtype, length, element_shape=[None, units])
    start = tf.zeros([tf.shape(parts)[0], units], dtype)

    def step(t: tf.Tensor, cell: tf.Tensor, state: tf.Tensor, states: tf.TensorArray) -> Any:
        gates, keep, add, real = tf.split(inputs.read(t), [4 * units, units, units, 1], axis=1)
        gates, content = tf.split(
            gates + tf.matmul(state, recurrent_kernel), [3 * units, units], axis=1
        )
        entry, forget, output = tf.split(tf.sigmoid(gates), 3, axis=1)
        new = forget * keep * cell + entry * add * tf.tanh(content)
        cell += real * (new - cell)
        state += real * (output * tf.tanh(new) - state)
        return t + 1, cell, state, states.write(t, state)

    *_, steps = tf.while_loop(
        lambda t, *_: t < length, step, (0, start, start, steps), maximum_iterations=length
    )
    return tf.transpose(steps.stack(), [1, 0, 2])


def _forget_one(shape: Any, dtype: Any = None, **kwargs: Any) -> tf.Tensor:
    """Return biases of 0, and of 1 for the forget gate."""
    del kwargs
    return tf.reshape(tf.repeat(tf.constant([0, 1, 0, 0, 0, 0], dtype), shape[0] // 6), shape)
