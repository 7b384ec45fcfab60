"""Which versions of a model exist."""

import logging
import re

import tensorflow as tf

from serving.server.errors import from_exception, invalid_argument

_LOG = logging.getLogger(__name__)
_INT64 = range(-(2**63), 2**63)


def find_versions(name: str, base_path: str) -> dict[int, str]:
    """Lists the version folders under a base path.

    Args:
        name: the model, for messages.
        base_path: the folder; anything in it that is not named by an integer is passed over.

    Returns:
        The path of each version by its number.

    Raises:
        StatusError: the base path does not exist or cannot be read.
    """
    try:
        if not tf.io.gfile.exists(base_path):
            raise invalid_argument(
                f"Could not find base path {base_path} for servable {name} with error "
                f"NOT_FOUND: {base_path} not found"
            )
        # Object stores list folders with a trailing slash.
        children = sorted(child.rstrip("/") for child in tf.io.gfile.listdir(base_path))
    except tf.errors.OpError as error:
        raise from_exception(error) from error
    found: dict[int, str] = {}
    for child in children:
        number = int(child) if re.fullmatch(r"-?[0-9]+", child) else None
        if number is None or number not in _INT64:
            continue
        if number in found:
            _LOG.warning("Model %s version %d has two folders; %s is used.", name, number, child)
        found[number] = tf.io.gfile.join(base_path, child)
    return found
