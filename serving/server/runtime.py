"""TensorFlow's settings for the sessions of a server."""

from tensorflow.core.protobuf import config_pb2

from serving.server.errors import invalid_argument
from serving.server.options import ServerOptions
from serving.server.protos import read_text_proto


def check_parallelism(options: ServerOptions) -> None:
    """Refuses the three flags of parallelism together.

    Raises:
        StatusError: all three are set.
    """
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


def session_config(options: ServerOptions) -> config_pb2.ConfigProto:
    """What the flags ask of TensorFlow: threads and GPU memory, on top of the config file.

    Raises:
        StatusError: the file cannot be read, or flags exclude each other.
    """
    check_parallelism(options)
    config = config_pb2.ConfigProto()
    if options.tensorflow_session_config_file:
        config = read_text_proto(options.tensorflow_session_config_file, config_pb2.ConfigProto)
    config.allow_soft_placement = True
    if options.per_process_gpu_memory_fraction:
        config.gpu_options.per_process_gpu_memory_fraction = options.per_process_gpu_memory_fraction
    intra, inter = (
        flag or options.tensorflow_session_parallelism
        for flag in (
            options.tensorflow_intra_op_parallelism,
            options.tensorflow_inter_op_parallelism,
        )
    )
    config.intra_op_parallelism_threads = intra or config.intra_op_parallelism_threads
    config.inter_op_parallelism_threads = inter or config.inter_op_parallelism_threads
    return config
