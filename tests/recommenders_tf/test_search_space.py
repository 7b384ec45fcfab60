from __future__ import annotations

import dataclasses

import pytest

import recommenders_tf as rtf
from recommenders_tf import registry
from recommenders_tf.search_space import COMMON, Choice, Range, complete
from recommenders_tf.training import TrainingConfig

NOTHING_TO_TUNE = {"content", "popularity"}
RATE = 0.001  # of the optimizer of models that have no argument for it
TRAINING = {field.name: field.default for field in dataclasses.fields(TrainingConfig)}


@pytest.fixture(scope="module")
def schema():
    return rtf.data.encode(rtf.data.synthetic(num_users=30, num_items=20, num_events=300)).schema


@pytest.mark.parametrize("name", registry.names())
def test_a_space_names_arguments_and_holds_their_defaults(name):
    cls = registry.get(name)
    arguments, space = registry.hyper_parameters(cls), cls.info.search_space
    assert set(space) <= set(arguments) | {"batch_size", "learning_rate"}
    outside = {
        argument: (default, space[argument])
        for argument, default in (TRAINING | {"learning_rate": RATE} | arguments).items()
        if argument in space and default not in space[argument]
    }
    assert not outside
    assert bool(space) == (name not in NOTHING_TO_TUNE)


@pytest.mark.parametrize("end", [0, -1], ids=["least", "most"])
@pytest.mark.parametrize("name", registry.names())
def test_both_ends_of_a_space_build_the_model(name, end, schema):
    cls = registry.get(name)
    values = {
        argument: (found.least, found.most)[end] if isinstance(found, Range) else found.options[end]
        for argument, found in cls.info.search_space.items()
        if argument in registry.hyper_parameters(cls)
    }
    model = cls(schema, **values)
    assert {argument: getattr(model, argument) for argument in values} == values


def test_what_a_model_declares_stands_before_what_all_have_in_common():
    defaults = {"dropout": 0.9, "embedding_dim": 8, "hidden_units": (5,), "other": 1}
    space = complete({"dropout": Range(0.5, 1.0), "batch_size": Choice((1, 2))}, defaults)
    assert space["dropout"] == Range(0.5, 1.0)
    assert space["embedding_dim"] == COMMON["embedding_dim"]
    assert space["hidden_units"].options == ((5,), *COMMON["hidden_units"].options)
    assert space["batch_size"] == Choice((1, 2))
    assert "other" not in space and "learning_rate" not in space


def test_a_range_knows_its_numbers():
    assert 3 in Range(1, 3) and 4 not in Range(1, 3) and 2.5 not in Range(1, 3)
    assert 2.5 in Range(1.0, 3.0) and True not in Range(0, 3) and None not in Range(0.0, 3.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 1), "`least` must be below `most`; got 1 and 1"),
        ((0.0, 1.0, "log"), "`least` of a `log` scale must be above 0; it is 0.0"),
        ((1, 2, "square"), "`scale` must be one of linear, log; it is 'square'"),
    ],
)
def test_a_range_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Range(*arguments)
