"""What is wrong with the flags alone, told before TensorFlow takes its seconds to import."""

from serving.server.errors import invalid_argument
from serving.server.options import ServerOptions


def check_options(options: ServerOptions) -> None:
    """Refuses flags that exclude each other, or leave nothing to serve or to listen on.

    Args:
        options: what the flags say.

    Raises:
        StatusError: with TF Serving's texts.

    Example:
        >>> check_options(ServerOptions(model_base_path="/models/movies"))
    """
    if not options.port and not options.grpc_socket_path:
        raise invalid_argument(
            "At least one of server_options.grpc_port or server_options.grpc_socket_path must be "
            "set."
        )
    if options.processes < 1:
        raise invalid_argument(f"--processes={options.processes} must be at least 1.")
    if options.processes > 1 and options.grpc_socket_path:
        raise invalid_argument(
            "Several --processes cannot share a UNIX socket; leave --grpc_socket_path out."
        )
    if options.use_alts_credentials and options.ssl_config_file:
        raise invalid_argument(
            "server_options.use_alts_credentials and server_options.ssl_config_file cannot be set "
            "together."
        )
    if not options.model_base_path and not options.model_config_file:
        raise invalid_argument(
            "Both server_options.model_base_path and server_options.model_config_file are empty!"
        )
    if options.batching_parameters_file and not options.enable_batching:
        raise invalid_argument(
            "server_options.batching_parameters_file is set without setting "
            "server_options.enable_batching to true."
        )
    if (
        options.tensorflow_session_parallelism > 0
        and options.tensorflow_intra_op_parallelism > 0
        and options.tensorflow_inter_op_parallelism > 0
    ):
        raise invalid_argument(
            "Either configure server_options.tensorflow_session_parallelism or "
            "(server_options.tensorflow_intra_op_parallelism, "
            "server_options.tensorflow_inter_op_parallelism) separately. You cannot configure all."
        )
