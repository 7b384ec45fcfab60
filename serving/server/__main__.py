"""`python -m serving.server`: see `--help`."""

import logging
import os
import sys
import warnings
from collections.abc import Sequence

from serving.server import flags
from serving.server.checks import check_options
from serving.server.errors import StatusError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the server until it is told to stop.

    Args:
        arguments: the command line without the program's name; that of the process by default.

    Returns:
        The exit status: 0, or 255 if the flags cannot be read or the server cannot start.
    """
    try:
        options, unknown = flags.parse(sys.argv[1:] if arguments is None else arguments)
    except flags.FlagError as error:
        print(error, flags.usage(), sep="\n\n")
        return 255
    if options.help:
        print(flags.usage())
        return 0
    if unknown:
        for argument in unknown:
            print(f"unknown argument: {argument}")
        print(flags.usage(), flush=True)
    _prepare_tensorflow_import()
    if options.version:
        import tensorflow as tf

        print(f"TensorFlow ModelServer: embedded\nTensorFlow Library: {tf.__version__}")
        return 0

    logging.basicConfig(format="%(asctime)s %(levelname).1s %(message)s", level=logging.INFO)
    try:
        check_options(options)
        # TensorFlow takes seconds to import: neither --help nor a refusal must wait for it.
        from serving.server.app import run

        run(options)
    except StatusError as error:
        print(f"Failed to start server. Error: {error}", flush=True)
        return 255
    return 0


def _prepare_tensorflow_import() -> None:
    """Halves TensorFlow's import time, and keeps its start-up notes out of the log."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore", FutureWarning)
    # `import tensorflow` ends with importing Keras if it can; a server has no use for it.
    for module in ("keras.src.optimizers", "tf_keras.src.optimizers"):
        sys.modules.setdefault(module, None)  # type: ignore[arg-type]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        # While TensorFlow is being imported there is nothing to finish.
        sys.exit(130)
