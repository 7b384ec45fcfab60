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
        model = rtf.models.WideDeep(encoded.schema, embedding_dim=4, hidden_units=(4,))
        model.compile(LazyAdam(0.01), jit_compile=jit)
        assert model.optimizer.native is not jit
        history = model.fit(encoded.batches(128, shuffle=False), epochs=2, verbose=0).history
        assert history["loss"][1] < history["loss"][0]
        weights.append(model.get_weights())
    for plain, compiled in zip(*weights, strict=True):
        np.testing.assert_allclose(compiled, plain, rtol=1e-3, atol=1e-5)


def test_fits_columns_as_it_fits_a_log() -> None:
    encoded = rtf.data.encode(rtf.data.synthetic(num_users=30, num_items=20, num_events=256))
    features, label = next(iter(encoded.batches(256, shuffle=False)))
    columns = {name: value.numpy() for name, value in features.items()}
    columns[encoded.schema.label.name] = label.numpy()
    losses = []
    for data in (encoded, rtf.data.ColumnarData(columns, encoded.schema)):
        tf.keras.utils.set_random_seed(1)
        model = rtf.models.WideDeep(encoded.schema, hidden_units=(4,))
        model.compile()
        losses.append(model.fit(data, batch_size=64, epochs=2, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)


def test_the_penalty_on_embeddings_shrinks_every_row() -> None:
    encoded = rtf.data.encode(rtf.data.synthetic(num_users=30, num_items=20, num_events=256))
    model = rtf.models.DeepFM(encoded.schema, embedding_dim=4, hidden_units=(4,))
    model.compile(rtf.optimizers.SGD(0.1), embedding_l2=0.5)
    batch = next(iter(encoded.batches(4, shuffle=False)))
    model.train_on_batch(*batch)
    before, hidden = model.embed.table("user_id").numpy(), model.deep.get_weights()[0]
    loss = model.train_on_batch(*batch, return_dict=True)["loss"]
    untouched = np.setdiff1d(np.arange(2, len(before)), batch[0]["user_id"].numpy())
    after = model.embed.table("user_id").numpy()[untouched]
    np.testing.assert_allclose(after, before[untouched] * (1 - 0.1 * 0.5), rtol=1e-5)
    assert not np.allclose(model.deep.get_weights()[0], hidden * (1 - 0.1 * 0.5))
    assert loss > model.test_on_batch(*batch, return_dict=True)["loss"]


def test_layers_with_a_kernel_train_under_xla_without_it() -> None:
    encoded = rtf.data.encode(rtf.data.synthetic(num_users=30, num_items=20, num_events=256))
    model = rtf.models.DIN(encoded.schema, embedding_dim=4, attention_units=(4,), hidden_units=(4,))
    kernels = [layer for layer in model._flatten_layers() if hasattr(layer, "native")]
    model.compile(jit_compile=True)
    assert kernels and not any(layer.native for layer in kernels)
    history = model.fit(encoded.batches(128, shuffle=False), epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    model.compile()
    assert all(layer.native for layer in kernels)


def test_a_callback_measures_the_weights_of_its_epoch(planted_log) -> None:
    """And not what was indexed when an epoch before was measured."""
    train, test = planted_log.split("leave_last_out")
    encoded = rtf.data.encode(train)
    model = rtf.models.MF(encoded.schema, learning_rate=0.05)
    model.compile()
    model.bind(encoded.tables)
    measured = []
    watch = tf.keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: measured.append(model.evaluate(test)["NDCG@10"])
    )
    model.fit(encoded, epochs=6, verbose=0, callbacks=watch)  # one alone, as Keras takes it
    assert measured[-1] == model.evaluate(test)["NDCG@10"]
    assert measured[-1] > measured[0]
