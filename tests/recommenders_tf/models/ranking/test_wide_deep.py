import numpy as np
import pytest

import recommenders_tf as rtf
from recommenders_tf.optimizers import Adagrad, Ftrl
from recommenders_tf.schema import SchemaError


@pytest.fixture(scope="module")
def train(planted_log):
    return rtf.data.encode(planted_log)


def test_equation(train) -> None:
    """Logit = sum of the wide weights of all ids and crosses + deep network of the embeddings."""
    model = rtf.models.WideDeep(train.schema, embedding_dim=4, hidden_units=(8,))
    model.compile()
    model.fit(train, epochs=1, verbose=0)
    batch, _ = next(iter(train.batches(9, shuffle=False)))
    wide = np.zeros(9)
    for name in model.wide.columns:
        column = train.schema[name]
        rows = model.wide.table(name).numpy()[batch[name].numpy(), 0]
        if train.schema.list_source(column):
            mask = batch[train.schema.mask_name(column)].numpy()
            rows = (rows * mask).sum(1) / np.maximum(mask.sum(1), 1)
        wide += rows
    assert np.ptp(wide) > 0.01
    inputs = model.embed(batch).numpy()
    w1, b1, w2, b2 = model.deep.get_weights()
    deep = np.maximum(inputs @ w1 + b1, 0) @ w2 + b2
    np.testing.assert_allclose(model(batch)[:, 0], wide + deep[:, 0], rtol=1e-4, atol=1e-5)


def test_crosses_are_wide_only(train) -> None:
    model = rtf.models.WideDeep(train.schema)
    assert "device_x_category" in model.wide.columns
    assert "device_x_category" not in model.embed.columns


def test_wide_by_ftrl_and_deep_by_adagrad(train) -> None:
    model = rtf.models.WideDeep(train.schema)
    model.compile()
    model.fit(train, epochs=1, verbose=0)
    ftrl, adagrad = model.optimizer.optimizers
    assert isinstance(ftrl, Ftrl)
    assert isinstance(adagrad, Adagrad)
    wide = {v.shape.as_list()[0] for v in model.wide.weights}
    assert {v.shape.as_list()[0] for v in ftrl.variables if v.shape.rank == 2} == wide
    assert int(ftrl.iterations) == int(adagrad.iterations) > 0


def test_needs_a_label(train) -> None:
    columns = [c for c in train.schema.columns.values() if c.kind != "label"]
    with pytest.raises(SchemaError, match="has no label"):
        rtf.models.WideDeep(rtf.FeatureSchema(columns))
