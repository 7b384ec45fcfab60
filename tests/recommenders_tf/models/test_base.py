import numpy as np
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.optimizers import LazyAdam


def test_a_step_compiled_by_xla_keeps_to_stock_ops() -> None:
    log = rtf.data.synthetic(num_users=30, num_items=20, num_events=256, seed=2)
    encoded = rtf.data.encode(log)
    weights = []
    for jit in (False, True):
        tf.keras.utils.set_random_seed(1)
        model = rtf.models.MF(encoded.schema, embedding_dim=4, num_negatives=0)
        model.compile(LazyAdam(0.01), jit_compile=jit)
        assert model.optimizer.native is not jit
        history = model.fit(encoded.batches(128, shuffle=False), epochs=2, verbose=0).history
        assert history["loss"][1] < history["loss"][0]
        weights.append(model.get_weights())
    for plain, compiled in zip(*weights, strict=True):
        np.testing.assert_allclose(compiled, plain, rtol=1e-3, atol=1e-5)
