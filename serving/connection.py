"""A channel to a model server: deadlines, retries, and errors that say what to do."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

import grpc
from google.protobuf.message import Message

_FIRST_BACKOFF_SECONDS = 0.1
_LONGEST_BACKOFF_SECONDS = 5.0
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A server that restarts is found again at once, not after gRPC's two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
_Response = TypeVar("_Response", bound=Message)


class ServingError(Exception):
    """A call that the server refused or did not answer.

    Attributes:
        code: the gRPC status code.
        details: the words of the server, or of gRPC if it did not answer.
    """

    def __init__(self, message: str, code: grpc.StatusCode, details: str) -> None:
        super().__init__(message)
        self.code = code
        self.details = details


class Connection:
    """A channel and its manners.

    Args:
        address: `host:port`, or `unix:/path`.
        timeout: seconds a call may take, its retries included.
        retries: how often to try again when the server is unavailable.
        credentials: channel credentials for TLS; without them the channel is not encrypted.
    """

    def __init__(
        self,
        address: str,
        timeout: float,
        retries: int,
        credentials: grpc.ChannelCredentials | None,
    ) -> None:
        self.address = address
        self.timeout = timeout
        self.retries = retries
        self.channel = (
            grpc.insecure_channel(address, _OPTIONS)
            if credentials is None
            else grpc.secure_channel(address, credentials, _OPTIONS)
        )

    def call(self, rpc: Callable[..., _Response], request: Message, what: str) -> _Response:
        """Calls until there is an answer, an error other than UNAVAILABLE, or no time left.

        Args:
            rpc: a method of a gRPC stub on this channel.
            request: its request.
            what: the call in words, for messages.

        Raises:
            ServingError: there was no answer.
        """
        deadline = time.monotonic() + self.timeout
        attempt = 0
        while True:
            try:
                return rpc(request, timeout=max(deadline - time.monotonic(), 0))
            except grpc.RpcError as error:
                longest = min(_FIRST_BACKOFF_SECONDS * 2**attempt, _LONGEST_BACKOFF_SECONDS)
                # Clients that failed together should not come back together.
                pause = longest * random.uniform(0.5, 1)
                worth_it = (
                    error.code() is grpc.StatusCode.UNAVAILABLE
                    and attempt < self.retries
                    and time.monotonic() + pause < deadline
                )
                if not worth_it:
                    raise self.error(error, what, self.timeout) from error
                time.sleep(pause)
                attempt += 1

    def error(self, error: grpc.RpcError, what: str, timeout: float) -> ServingError:
        """Turns gRPC's error into one that says what to do."""
        code, details = error.code(), error.details()
        if code is grpc.StatusCode.UNAVAILABLE:
            message = (
                f"No model server answers at {self.address} ({details}); check the address, and "
                "that the server has loaded a model."
            )
        elif code is grpc.StatusCode.DEADLINE_EXCEEDED:
            message = (
                f"{what} at {self.address} took longer than {timeout:g} s; give it a longer "
                "timeout, or check that the server is up."
            )
        else:
            message = f"{what} at {self.address} failed with {code.name}: {details}"
        return ServingError(message, code, details)
