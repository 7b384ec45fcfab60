"""Models, one file each; every one is also an attribute here, by class name.

Example:
    >>> from recommenders_tf import models
    >>> models.MF.info.name
    'mf'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recommenders_tf import registry

if TYPE_CHECKING:
    from recommenders_tf.models.base import Recommender


def __getattr__(name: str) -> type[Recommender]:
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return registry.get(name)
    except registry.UnknownModelError as error:
        raise AttributeError(str(error)) from error
