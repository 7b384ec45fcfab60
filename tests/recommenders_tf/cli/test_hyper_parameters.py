from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from recommenders_tf import registry
from recommenders_tf.cli.hyper_parameters import parse


class Model:
    info = SimpleNamespace(name="toy")

    def __init__(
        self,
        schema: object,
        units: Sequence[int] = (),
        rate: float = 0.1,
        depth: int = 2,
        bias: bool = True,
        loss: str = "bpr",
        limit: float | None = None,
        **kwargs: object,
    ) -> None: ...


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("units=64,32", (64, 32)),
        ("units=[64, 32]", (64, 32)),
        ("units=64", (64,)),
        ("units=()", ()),
        ("rate=1e-3", 0.001),
        ("rate=1", 1.0),
        ("depth=4", 4),
        ("bias=false", False),
        ("loss=a=b", "a=b"),
        ("limit=none", None),
        ("limit=3", 3.0),
    ],
)
def test_values_get_the_type_of_the_argument(setting, value):
    (parsed,) = parse(Model, [setting]).values()
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("depth=deep", "`depth` of `toy` takes a whole number; got `deep`."),
        ("depth=1.5", "`depth` of `toy` takes a whole number; got `1.5`."),
        ("depth=true", "`depth` of `toy` takes a whole number; got `true`."),
        ("units=a,b", "`units` of `toy` takes whole numbers with commas between; got `a,b`."),
        ("units=1,b", "`units` of `toy` takes whole numbers with commas between; got `1,b`."),
        ("bias=1", "`bias` of `toy` takes true or false; got `1`."),
        ("limit=high", "`limit` of `toy` takes a number or none; got `high`."),
        ("depth", "--set takes KEY=VALUE; got `depth`."),
        ("schema=x", "`toy` has no hyper-parameter `schema`; it has units=, rate=0.1, depth=2"),
        ("dept=3", "`toy` has no hyper-parameter `dept`; did you mean `depth`? It has"),
    ],
)
def test_a_wrong_setting_is_told_in_one_sentence(setting, sentence):
    with pytest.raises(ValueError) as error:
        parse(Model, [setting])
    assert str(error.value).startswith(sentence)


def test_a_model_without_hyper_parameters_says_so():
    with pytest.raises(ValueError, match="`popularity` has no hyper-parameter `a`: it has none"):
        parse(registry.get("popularity"), ["a=1"])


@pytest.mark.parametrize("name", registry.names())
def test_the_defaults_of_every_model_can_be_set(name):
    import inspect

    model = registry.get(name)
    defaults = {
        key: parameter.default
        for key, parameter in inspect.signature(model.__init__).parameters.items()
        if key not in ("self", "schema", "kwargs")
    }
    assert parse(model, [f"{key}={value}" for key, value in defaults.items()]) == defaults
