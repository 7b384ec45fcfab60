"""The server's configuration files: protobuf messages in text format.

TF Serving's API package on PyPI has the messages of the model configuration only. Those of the
other files are declared here under TF Serving's names and field numbers (its `ssl_config.proto`,
`monitoring_config.proto` and `session_bundle_config.proto`).
"""

import sys
from typing import TypeVar

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf import wrappers_pb2 as wrappers
from google.protobuf.message import Message

from serving.server.errors import invalid_argument, not_found

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "tensorflow.serving"
_INT64 = wrappers.Int64Value.DESCRIPTOR
_BOOL = wrappers.BoolValue.DESCRIPTOR
_STRING = wrappers.StringValue.DESCRIPTOR
_M = TypeVar("_M", bound=Message)

#: Message, then field: number, type (a scalar's, or a message's name), repeated.
Declarations = dict[str, dict[str, tuple]]

_MESSAGES: Declarations = {
    "SSLConfig": {
        "server_key": (1, _Field.TYPE_STRING),
        "server_cert": (2, _Field.TYPE_STRING),
        "custom_ca": (3, _Field.TYPE_STRING),
        "client_verify": (4, _Field.TYPE_BOOL),
    },
    "PrometheusConfig": {"enable": (1, _Field.TYPE_BOOL), "path": (2, _Field.TYPE_STRING)},
    "MonitoringConfig": {"prometheus_config": (1, f"{_PACKAGE}.PrometheusConfig")},
    "BatchingParameters": {
        "max_batch_size": (1, _INT64.full_name),
        "batch_timeout_micros": (2, _INT64.full_name),
        "max_enqueued_batches": (3, _INT64.full_name),
        "num_batch_threads": (4, _INT64.full_name),
        "thread_pool_name": (5, _STRING.full_name),
        "allowed_batch_sizes": (6, _Field.TYPE_INT64, True),
        "pad_variable_length_inputs": (7, _Field.TYPE_BOOL),
        "enable_large_batch_splitting": (8, _BOOL.full_name),
        "max_execution_batch_size": (9, _INT64.full_name),
    },
}


def declare(package: str, messages: Declarations) -> dict[str, type[Message]]:
    """Makes the classes of messages that no installed package has.

    Args:
        package: their protobuf package.
        messages: their fields; a field of a message type names it in full, and the messages of
            Google's `wrappers.proto` may be used.

    Returns:
        The class of each message.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name=f"serving/server/{package}.proto",
        package=package,
        syntax="proto3",
        dependency=[_INT64.file.name],
    )
    for message_name, declared in messages.items():
        message = file.message_type.add(name=message_name)
        for name, (number, kind, *repeated) in declared.items():
            field = message.field.add(name=name, number=number)
            field.label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            if isinstance(kind, str):
                field.type, field.type_name = _Field.TYPE_MESSAGE, f".{kind}"
            else:
                field.type = kind
    # A pool of its own: another package may declare the same names in the shared one.
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(_INT64.file.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    factory = message_factory.MessageFactory(pool)
    return {
        name: factory.GetPrototype(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in messages
    }


_TYPES = declare(_PACKAGE, _MESSAGES)
SSLConfig = _TYPES["SSLConfig"]
MonitoringConfig = _TYPES["MonitoringConfig"]
BatchingParameters = _TYPES["BatchingParameters"]


def read_text_proto(path: str, kind: type[_M]) -> _M:
    """Reads a message in text format.

    Args:
        path: the file.
        kind: the class of the message.

    Raises:
        StatusError: the file cannot be read, or is not such a message; where it goes wrong is
            printed on stderr, as TF Serving does.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise not_found(f"{path}; {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise invalid_argument(f"Invalid protobuf file: '{path}'") from error
    try:
        return text_format.Parse(text, kind())
    except text_format.ParseError as error:
        reason = str(error).replace(" : ", ": ", 1)
        message = f"Error parsing text-format {kind.DESCRIPTOR.full_name}: {reason}"
        print(message, file=sys.stderr, flush=True)
        raise invalid_argument(f"Invalid protobuf file: '{path}'") from error
