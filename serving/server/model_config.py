"""The model configuration: which models to serve, from where, which of their versions."""

import os
from collections.abc import Collection

from tensorflow_serving.config import file_system_storage_path_source_pb2, model_server_config_pb2

from serving.server.errors import failed_precondition, invalid_argument
from serving.server.options import ServerOptions
from serving.server.protos import read_text_proto

PLATFORM = "tensorflow"
ModelConfig = model_server_config_pb2.ModelConfig
ModelServerConfig = model_server_config_pb2.ModelServerConfig
VersionPolicy = (
    file_system_storage_path_source_pb2.FileSystemStoragePathSourceConfig.ServableVersionPolicy
)


def from_options(options: ServerOptions) -> ModelServerConfig:
    """The configuration that the flags ask for: that of the file, or of the one model.

    Raises:
        StatusError: the file cannot be read.
    """
    if options.model_config_file:
        return read_text_proto(options.model_config_file, ModelServerConfig)
    config = ModelServerConfig()
    config.model_config_list.config.add(
        name=options.model_name, base_path=options.model_base_path, model_platform=PLATFORM
    )
    return config


def check(config: ModelServerConfig, options: ServerOptions) -> None:
    """Refuses a configuration that cannot be served, before anything changes.

    Raises:
        StatusError: with TF Serving's codes and texts, checked in its order.
    """
    kind = config.WhichOneof("config")
    if kind == "custom_model_config":
        raise failed_precondition(
            "Cannot transition to requested config. It is only legal to transition from one "
            "ModelConfigList to another."
        )
    names = set()
    for model in config.model_config_list.config:
        if model.name in names:
            raise invalid_argument(
                f"Illegal to list model {model.name} multiple times in config list"
            )
        names.add(model.name)
        if not os.path.isabs(model.base_path) and "://" not in model.base_path:
            raise invalid_argument(
                f"Expected model {model.name} to have an absolute path or URI; "
                f"got base_path()={model.base_path}"
            )
    for model in config.model_config_list.config:
        _check_platform(model)
        if model.HasField("logging_config") and not options.enable_request_logging:
            raise invalid_argument("No request-logger-creator provided.")


def choose(policy: VersionPolicy, versions: Collection[int]) -> list[int]:
    """The versions to serve of those that exist.

    Args:
        policy: `latest`, the default, with the number of the highest versions; `all`; or
            `specific`, with their numbers.
        versions: the versions that exist.

    Returns:
        The chosen, the highest first.

    Example:
        >>> choose(VersionPolicy(), [3, 12, 7])
        [12]
        >>> choose(VersionPolicy(specific=VersionPolicy.Specific(versions=[3, 4])), [3, 12, 7])
        [3]
    """
    highest_first = sorted(versions, reverse=True)
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        return highest_first
    if kind == "specific":
        return [version for version in highest_first if version in policy.specific.versions]
    return highest_first[: max(policy.latest.num_versions, 1)]


def _check_platform(model: ModelConfig) -> None:
    platform = model.model_platform
    if model.model_type:
        if platform:
            raise invalid_argument(
                "Illegal setting both ModelServerConfig::model_type (deprecated) and "
                f"ModelServerConfig::model_platform, model name is {model.name}"
            )
        if model.model_type != model_server_config_pb2.TENSORFLOW:
            raise invalid_argument(
                f"ModelServerConfig::model_type choice {model.model_type} not supported."
            )
        return
    if not platform:
        raise invalid_argument(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            f"ModelServerConfig::model_platform, model name is {model.name}"
        )
    if platform != PLATFORM:
        raise invalid_argument(f"Model {model.name} requests unsupported platform {platform}")
