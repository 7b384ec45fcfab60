"""The start of one process of the server."""

import logging
import os
import sys
import warnings

from serving.server.errors import StatusError
from serving.server.options import ServerOptions
from serving.server.peers import Seat


def start(options: ServerOptions, seat: Seat | None = None) -> int:
    """Serves until it is told to stop.

    Args:
        options: what the flags of the command line say.
        seat: the place among the processes of the server, if there are others.

    Returns:
        The exit status: 0, 255 if the server cannot start, or 130 if it is interrupted before.
    """
    logging.basicConfig(format="%(asctime)s %(levelname).1s %(message)s", level=logging.INFO)
    prepare_tensorflow_import()
    try:
        # TensorFlow takes seconds to import: neither --help nor a refusal must wait for it.
        from serving.server.app import run

        run(options, seat)
    except StatusError as error:
        print(f"Failed to start server. Error: {error}", flush=True)
        return 255
    except KeyboardInterrupt:
        # While TensorFlow is being imported there is nothing to finish.
        return 130
    return 0


def prepare_tensorflow_import() -> None:
    """Halves TensorFlow's import time, and keeps its start-up notes out of the log."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore", FutureWarning)
    # `import tensorflow` ends with importing Keras if it can; a server has no use for it.
    for module in ("keras.src.optimizers", "tf_keras.src.optimizers"):
        sys.modules.setdefault(module, None)  # type: ignore[arg-type]
