"""The first models are trained once, whatever way a model goes on; FNN is the example."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf import training
from recommenders_tf.models import FM, FNN

CONFIG = training.TrainingConfig(epochs=2, batch_size=256, embedding_l2=1e-6)


@pytest.fixture(scope="module")
def encoded(planted_log):
    return rtf.data.encode(planted_log)


@pytest.fixture
def first(monkeypatch) -> list[FM]:
    """The first models that were trained."""
    trained = []
    fit = FM.fit
    monkeypatch.setattr(
        FM, "fit", lambda self, *args, **kwargs: trained.append(self) or fit(self, *args, **kwargs)
    )
    return trained


def new(encoded) -> FNN:
    tf.keras.utils.set_random_seed(1)
    model = FNN(encoded.schema, embedding_dim=3, hidden_units=(4,), pretrain_epochs=1)
    training.compile_model(model, CONFIG)
    return model


def test_another_fit_or_a_loaded_model_goes_on(encoded, first, tmp_path) -> None:
    model = new(encoded)
    assert not model.is_pretrained
    model.fit(encoded, epochs=1, verbose=0)
    model.compile()
    model.fit(encoded, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    loaded.fit(encoded, epochs=1, verbose=0)
    assert len(first) == 1


def test_a_killed_run_goes_on(encoded, first, tmp_path) -> None:
    class Kill(tf.keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    whole = new(encoded)
    training.train(whole, encoded, CONFIG)
    with pytest.raises(KeyboardInterrupt):
        training.train(new(encoded), encoded, CONFIG, tmp_path, callbacks=[Kill()])
    model = new(encoded)
    training.train(model, encoded, CONFIG, tmp_path)
    assert len(first) == 2  # of the whole run and of the killed one
    for weight, expected in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-6)


def test_first_models_train_as_the_model_does(encoded, first) -> None:
    """On the same examples, as often as asked for, with the same penalty on the tables."""
    model = new(encoded)
    model.fit(encoded, batch_size=512, epochs=1, verbose=0)
    (stage,) = first
    assert int(stage.optimizer.iterations) == encoded.steps(512)
    assert stage._embedding_l2 == CONFIG.embedding_l2


def test_first_models_are_clipped_and_show_their_progress(encoded, first, capsys) -> None:
    config = dataclasses.replace(CONFIG, epochs=1, clip_norm=0.5)
    model = new(encoded)
    training.compile_model(model, config)
    training.train(model, encoded, config)
    (stage,) = first
    assert stage._clip_norm == 0.5
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "Training fm, from which fnn starts"
    assert [line.startswith("Epoch 1/1") for line in said[1:]] == [True, True]
