"""TensorFlow's settings for the sessions of a server."""

from tensorflow.core.protobuf import config_pb2

from serving.server.options import ServerOptions
from serving.server.protos import read_text_proto


def session_config(options: ServerOptions) -> config_pb2.ConfigProto:
    """What the flags ask of TensorFlow: threads and GPU memory, on top of the config file.

    Raises:
        StatusError: the file cannot be read.
    """
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
