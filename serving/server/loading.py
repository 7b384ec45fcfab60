"""What it takes to make a version ready to serve."""

import tensorflow as tf

from serving.server import metrics
from serving.server.lifecycle import Version
from serving.server.model_batching import ModelBatching
from serving.server.options import ServerOptions
from serving.server.runtime import session_config
from serving.server.servable import Servable
from serving.server.warmup import warm_up

#: Where the uuid of the model's artifact in ML Metadata is in a version's folder.
MLMD_PATH = ("assets.extra", "mlmd_uuid")


class Loader:
    """Loads versions.

    Args:
        options: what the flags say.

    Raises:
        StatusError: flags exclude each other, or a file that they name cannot be read.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._session_config = session_config(options)
        self._batching = ModelBatching(options)

    def __call__(self, version: Version) -> Servable:
        """Loads a version and warms it up.

        Args:
            version: the version; its servable is set.

        Returns:
            The servable.

        Raises:
            StatusError: it cannot be loaded, or a warm-up request fails.
        """
        servable = Servable(version.path, self._options, self._batching, self._session_config)
        version.servable = servable
        if self._options.enable_model_warmup:
            try:
                warm_up(version, max(self._options.num_request_iterations_for_warmup, 1))
            except Exception:
                servable.close()
                raise
        _state_mlmd(version)
        return servable


def _state_mlmd(version: Version) -> None:
    """Makes known which artifact of ML Metadata a version is, if its folder says so."""
    path = tf.io.gfile.join(version.path, *MLMD_PATH)
    if tf.io.gfile.exists(path):
        with tf.io.gfile.GFile(path) as file:
            metrics.MLMD_MAP.set(version.model, str(version.number), file.read().strip())
