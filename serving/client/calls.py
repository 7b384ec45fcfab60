"""What clients and transports hand each other: a call, its answer, its error; and when to retry."""

import pathlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import grpc
import numpy as np

from serving.client.answers import Signature

_FIRST_BACKOFF_SECONDS = 0.1
_LONGEST_BACKOFF_SECONDS = 5.0


@dataclass(frozen=True)
class Tls:
    """Files for an encrypted connection, in PEM format.

    Args:
        ca: certificates that are trusted to vouch for the server; those of the system by default.
        certificate: the client's own certificate, for a server that asks for one.
        key: the key of that certificate.

    Example:
        >>> Tls(ca="ca.pem").certificate is None
        True
    """

    ca: str | pathlib.Path | None = None
    certificate: str | pathlib.Path | None = None
    key: str | pathlib.Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError(
                f"A client certificate needs its key: got certificate={self.certificate} and "
                f"key={self.key}; give both or neither."
            )


@dataclass(frozen=True)
class Call:
    """One request to a model, whichever way it is sent.

    Attributes:
        method: `Predict`, `Classify`, `Regress`, `Metadata` or `Status`.
        model: the model's name.
        signature: the signature; `serving_default` if empty.
        version: a version, the label of one, or None for the highest available.
        inputs: of Predict, the inputs by name.
        outputs: of Predict, the outputs to compute; all if empty.
        examples: of Classify and Regress, the features of each example.
        context: of Classify and Regress, features that all examples share.
        described: the signature, for transports whose answers do not tell dtypes.
        wait: wait for the server to come up.
    """

    method: str
    model: str
    signature: str = ""
    version: int | str | None = None
    inputs: Mapping[str, Any] | None = None
    outputs: Sequence[str] = ()
    examples: Sequence[Mapping[str, Any]] = ()
    context: Mapping[str, Any] | None = None
    described: Signature | None = None
    wait: bool = False


class Prediction(NamedTuple):
    """Outputs by name, and the version that computed them if the transport tells."""

    outputs: dict[str, np.ndarray]
    version: int | None


class ServingError(Exception):
    """A call that the server refused or did not answer.

    Attributes:
        code: the gRPC status code; over REST the one that the HTTP status stands for.
        details: the words of the server, or of the transport if it did not answer.
        retry_after: seconds after which the server says that it may be asked again, if it does.
    """

    def __init__(
        self,
        message: str,
        code: grpc.StatusCode,
        details: str,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.details = details
        self.retry_after = retry_after


class OtherSignatureError(Exception):
    """An answer that is not one of the signature that was described."""


def failure(
    call: Call,
    address: str,
    timeout: float,
    code: grpc.StatusCode,
    details: str,
    retry_after: float | None = None,
) -> ServingError:
    """An error that says what to do.

    Args:
        call: what failed.
        address: who was asked.
        timeout: the seconds that it was given.
        code: the status.
        details: the words of the server, or of the transport.
        retry_after: seconds after which the server says that it may be asked again.
    """
    what = f"{call.method} of model {call.model}"
    if code is grpc.StatusCode.UNAVAILABLE:
        message = (
            f"No model server answers at {address} ({details}); check the address, and "
            "that the server has loaded a model."
        )
    elif code is grpc.StatusCode.DEADLINE_EXCEEDED:
        message = (
            f"{what} at {address} took longer than {timeout:g} s; give it a longer "
            "timeout, or check that the server is up."
        )
    else:
        message = f"{what} at {address} failed with {code.name}: {details}"
    return ServingError(message, code, details, retry_after)


def pause_before(attempt: int, error: ServingError) -> float | None:
    """Seconds to wait before a call is tried again, None if it must not be.

    UNAVAILABLE is tried again; RESOURCE_EXHAUSTED only where the server says when, since a request
    that is too large stays so.

    Args:
        attempt: how often it has been tried again already.
        error: why it failed.
    """
    retryable = error.code is grpc.StatusCode.UNAVAILABLE or (
        error.code is grpc.StatusCode.RESOURCE_EXHAUSTED and error.retry_after is not None
    )
    if not retryable:
        return None
    longest = min(_FIRST_BACKOFF_SECONDS * 2**attempt, _LONGEST_BACKOFF_SECONDS)
    # Clients that failed together should not come back together.
    return max(longest * random.uniform(0.5, 1), error.retry_after or 0.0)
