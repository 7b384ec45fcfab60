import inspect
import subprocess
import sys

import pytest

import recommenders_tf as rtf
from recommenders_tf import registry

MAX_ARGUMENTS = 8


def test_the_models_of_this_release() -> None:
    assert {"popularity", "mf", "two_tower", "wide_deep"} <= set(registry.names())


@pytest.mark.parametrize("name", registry.names())
def test_a_model_is_found_by_its_names_and_told_apart_by_its_file(name: str) -> None:
    cls = registry.get(name)
    assert cls.info.name == name
    assert cls.__module__ == f"recommenders_tf.models.{cls.info.room}.{name}"
    assert registry.get(cls.__name__) is cls
    assert getattr(rtf.models, cls.__name__) is cls


@pytest.mark.parametrize("name", registry.names())
def test_constructors_are_short(name: str) -> None:
    parameters = inspect.signature(registry.get(name).__init__).parameters
    rest = [p for p in parameters if p not in ("self", "schema", "kwargs")]
    assert len(rest) <= MAX_ARGUMENTS
    assert "schema" in parameters


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(registry.UnknownModelError, match="did you mean `two_tower`"):
        registry.get("two_towers")
    with pytest.raises(
        registry.UnknownModelError, match="known are " + ", ".join(registry.names())
    ):
        registry.get("xyz")
    with pytest.raises(AttributeError):
        _ = rtf.models.NoSuchModel


def test_listing_names_imports_no_tensorflow() -> None:
    code = (
        "import sys; from recommenders_tf import registry; registry.names();"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_keras_3_is_refused_with_the_remedy() -> None:
    code = (
        "import os; os.environ['TF_USE_LEGACY_KERAS'] = '0';"
        "import tensorflow as tf; tf.keras.Model; import recommenders_tf"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "import recommenders_tf first" in last
    assert "Keras 3" in last
