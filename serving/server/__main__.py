"""`python -m serving.server`: see `--help`."""

import sys
from collections.abc import Sequence

from serving.server import flags, processes
from serving.server.checks import check_options
from serving.server.errors import StatusError
from serving.server.start import prepare_tensorflow_import, start


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
    if options.version:
        prepare_tensorflow_import()
        import tensorflow as tf

        print(f"TensorFlow ModelServer: embedded\nTensorFlow Library: {tf.__version__}")
        return 0
    try:
        check_options(options)
        return start(options) if options.processes == 1 else processes.run(options)
    except StatusError as error:
        print(f"Failed to start server. Error: {error}", flush=True)
        return 255


if __name__ == "__main__":
    sys.exit(main())
