"""A search for the hyper-parameters of a model, on validation events alone.

It needs KerasTuner: `pip install "recommenders-tf[tune]"`.

Example:
    >>> from recommenders_tf.training import ModelConfig
    >>> search_space(ModelConfig("ease"))
    {'l2': Range(least=1.0, most=10000.0, scale='log')}
"""

from recommenders_tf.tuning.search import BEST_FILE, Found, SearchConfig, Trial
from recommenders_tf.tuning.tuner import search_space, tune

__all__ = ["BEST_FILE", "Found", "SearchConfig", "Trial", "search_space", "tune"]
