"""The flags of the server: TF Serving's names and defaults, and three of our own.

A flag is a field of `ServerOptions`; a new one is one more field. `unused` marks what TF Serving
accepts and this server has no use for: a value other than the default is logged by name.
"""

import os
from dataclasses import dataclass, field
from typing import Any

_THREADS = 4 * (os.cpu_count() or 1)


def _flag(default: Any, help_text: str, group: str = "", unused: bool = False) -> Any:
    """A flag; `group` heads those from it up to the next group in `--help`."""
    return field(default=default, metadata={"help": help_text, "group": group, "unused": unused})


@dataclass(frozen=True)
class ServerOptions:
    """What the flags of the command line say."""

    port: int = _flag(
        8500, "TCP port of the gRPC API. 0 turns TCP off (see --grpc_socket_path).", "network"
    )
    grpc_socket_path: str = _flag(
        "", "Also listen on this UNIX socket. It must be an absolute path that can be created."
    )
    rest_api_port: int = _flag(0, "TCP port of the REST API. 0: no REST API.")
    rest_api_num_threads: int = _flag(_THREADS, "How many REST requests may run at the same time.")
    rest_api_timeout_in_ms: int = _flag(30_000, "Milliseconds that a REST request may take.")
    rest_api_enable_cors_support: bool = _flag(
        False, "Answer REST requests that web pages of other sites make."
    )
    grpc_channel_arguments: str = _flag(
        "", "gRPC's own settings: key=value, with commas between, such as grpc.max_concurrent_"
        "streams=8."
    )  # fmt: skip
    grpc_max_threads: int = _flag(
        _THREADS, "How many gRPC requests may run at the same time; the rest wait."
    )
    enable_grpc_healthcheck_service: bool = _flag(
        False, "Answer grpc.health.v1.Health; the services are ModelService and PredictionService."
    )
    use_alts_credentials: bool = _flag(
        False, "Google's Application Layer Transport Security.", unused=True
    )
    ssl_config_file: str = _flag(
        "", "SSLConfig as text proto: server_key and server_cert as PEM text, custom_ca and "
        "client_verify for mutual TLS. gRPC only."
    )  # fmt: skip

    model_name: str = _flag("default", "Name by which clients ask for the model.", "models")
    model_base_path: str = _flag(
        "",
        "Absolute path (or URI) of the folder that holds the versions of the model, each a "
        "SavedModel in a folder named by its number: BASE/1, BASE/2, ... The highest is served.",
    )
    model_config_file: str = _flag(
        "", "ModelServerConfig as text proto: several models, version policies, labels. Takes the "
        "place of --model_name and --model_base_path."
    )  # fmt: skip
    model_config_file_poll_wait_seconds: int = _flag(
        0, "Seconds between looks at --model_config_file for changes. 0: never."
    )
    file_system_poll_wait_seconds: int = _flag(
        1, "Seconds between looks for new versions. 0: look once at the start. Below 0: never."
    )
    allow_version_labels_for_unavailable_models: bool = _flag(
        False, "Let a label point at a version that is not loaded yet, unless it already points at "
        "another. Labels at the first start need this."
    )  # fmt: skip
    saved_model_tags: str = _flag("serve", "Tags of the graph to load, with commas between.")
    num_load_threads: int = _flag(0, "How many versions to load at the same time. 0: one.")
    num_unload_threads: int = _flag(0, "How many versions to unload at the same time. 0: one.")
    max_num_load_retries: int = _flag(
        5, "How often to try a version again that failed to load, before it is given up."
    )
    load_retry_interval_micros: int = _flag(60_000_000, "Microseconds between those tries.")
    flush_filesystem_caches: bool = _flag(
        True, "Flush file system caches after the first load.", unused=True
    )
    remove_unused_fields_from_bundle_metagraph: bool = _flag(
        True, "Keep only the signatures of a loaded graph's description, which saves memory."
    )
    enable_signature_method_name_check: bool = _flag(
        False, "Classify and Regress demand the method name of their own kind in the signature."
    )
    platform_config_file: str = _flag("", "PlatformConfigMap of other model kinds.", unused=True)

    enable_batching: bool = _flag(False, "Run requests that come together as one.", "batching")
    batching_parameters_file: str = _flag(
        "", "BatchingParameters as text proto; needs --enable_batching."
    )
    enable_per_model_batching_parameters: bool = _flag(
        False, "A batching_params.pbtxt in a version's folder replaces the parameters for it."
    )

    tensorflow_session_parallelism: int = _flag(
        0, "Threads of TensorFlow, within an op and between ops alike. 0: one a core.", "runtime"
    )
    tensorflow_intra_op_parallelism: int = _flag(0, "Threads within an op. 0: one a core.")
    tensorflow_inter_op_parallelism: int = _flag(0, "Threads between ops. 0: one a core.")
    tensorflow_session_config_file: str = _flag("", "TensorFlow's ConfigProto as text proto.")
    per_process_gpu_memory_fraction: float = _flag(
        0.0, "Share of the GPU's memory to take at the start, 0 to 1. 0: as TensorFlow decides."
    )
    xla_cpu_compilation_enabled: bool = _flag(False, "XLA on CPU.", unused=True)
    xla_gpu_compilation_enabled: bool = _flag(False, "XLA on GPU.", unused=True)
    mixed_precision: str = _flag("", "Graph rewrite to 16 bits.", unused=True)
    thread_pool_factory_config_file: str = _flag("", "ThreadPoolConfig.", unused=True)
    skip_initialize_tpu: bool = _flag(False, "Leave TPUs alone.", unused=True)

    enable_model_warmup: bool = _flag(
        True, "Run the requests in a version's assets.extra/tf_serving_warmup_requests before it "
        "serves.", "warm-up and monitoring"
    )  # fmt: skip
    num_request_iterations_for_warmup: int = _flag(
        0, "How often to run each of those requests. 0: once."
    )
    monitoring_config_file: str = _flag(
        "", "MonitoringConfig as text proto: Prometheus metrics on the REST port."
    )
    enable_profiler: bool = _flag(True, "Answer TensorFlow's ProfilerService.")
    enable_serialization_as_tensor_content: bool = _flag(
        False, "Answer numbers as raw bytes (tensor_content), not in typed fields (float_val)."
    )
    version: bool = _flag(False, "Print the version and stop.")

    prefer_tflite_model: bool = _flag(False, "Serve TFLite models.", "TFLite", unused=True)
    num_tflite_pools: int = _flag(1, "TFLite session pools.", unused=True)
    num_tflite_interpreters_per_pool: int = _flag(1, "TFLite interpreters a pool.", unused=True)

    enable_request_logging: bool = _flag(
        False, "Write sampled requests as logging_config in --model_config_file says: TFRecords of "
        "PredictionLog under its filename_prefix. TF Serving's own image refuses logging_config.",
        "not in TF Serving"
    )  # fmt: skip
    processes: int = _flag(
        1, "How many processes answer on the same ports. Each has the models in memory, and unless "
        "told otherwise its share of the cores within an op."
    )  # fmt: skip
    help: bool = _flag(False, "Print this text and stop.")
