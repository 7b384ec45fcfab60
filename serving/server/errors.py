"""The one exception of the server: a canonical status code and the text that the client gets."""

import grpc

_CODES = {code.value[0]: code for code in grpc.StatusCode}


class StatusError(Exception):
    """A failure with the status that a client sees.

    Args:
        code: the canonical status code.
        message: the text, as TF Serving words it where TF Serving has the case.

    Example:
        >>> print(StatusError(grpc.StatusCode.NOT_FOUND, "no such model"))
        NOT_FOUND: no such model
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"


def invalid_argument(message: str) -> StatusError:
    """The status of a malformed request."""
    return StatusError(grpc.StatusCode.INVALID_ARGUMENT, message)


def failed_precondition(message: str) -> StatusError:
    """The status of a request that the server or the model is not in a state for."""
    return StatusError(grpc.StatusCode.FAILED_PRECONDITION, message)


def not_found(message: str) -> StatusError:
    """The status of something that does not exist."""
    return StatusError(grpc.StatusCode.NOT_FOUND, message)


def port_taken(address: str, remedy: str) -> StatusError:
    """The status of a server whose port another process has."""
    return StatusError(
        grpc.StatusCode.UNAVAILABLE,
        f"cannot listen on {address}, another process may; choose another {remedy}",
    )


def from_exception(error: Exception) -> StatusError:
    """The status of any exception raised while a model is loaded or run."""
    if isinstance(error, StatusError):
        return error
    # What reads the flags must not wait for TensorFlow's import.
    import tensorflow as tf

    if isinstance(error, tf.errors.OpError):
        return StatusError(_CODES[error.error_code], error.message)
    if isinstance(error, OSError):
        return not_found(str(error))
    return StatusError(grpc.StatusCode.UNKNOWN, f"{type(error).__name__}: {error}")
