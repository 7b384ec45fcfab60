"""How the processes of one server ask each other."""

import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent import futures
from dataclasses import dataclass
from multiprocessing import AuthenticationError, synchronize
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

import grpc

from serving.server.errors import StatusError

_FAMILY = "AF_UNIX"


@dataclass(frozen=True)
class Seat:
    """The place of a process among those of its server.

    Args:
        number: which one it is.
        addresses: the UNIX socket of each.
        key: what they know each other by.
        loaded: what each passes when its models are loaded; the ports open when all have.
    """

    number: int
    addresses: tuple[str, ...]
    key: bytes
    loaded: synchronize.Barrier


class Peers:
    """The other processes of this server.

    Args:
        seat: the place of this one.
    """

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._others = [a for n, a in enumerate(seat.addresses) if n != seat.number]

    def answer(self, calls: Mapping[str, Callable[..., Any]]) -> None:
        """Answers the others from now on, in threads of its own.

        Args:
            calls: what they may ask, by name.
        """
        seat = self._seat
        listener = Listener(seat.addresses[seat.number], _FAMILY, authkey=seat.key)

        def listen() -> None:
            while True:
                try:
                    connection = listener.accept()
                except (OSError, EOFError, AuthenticationError):
                    continue
                threading.Thread(target=_answer, args=(connection, calls), daemon=True).start()

        threading.Thread(target=listen, name="peers", daemon=True).start()

    def ask(self, call: str, *arguments: Any) -> list[Any]:
        """Asks all others at the same time.

        Args:
            call: the name of one of their calls.
            arguments: what it is called with.

        Returns:
            The answer of each, or the `StatusError` that it raised. One that is about to end is
            left out.
        """
        with futures.ThreadPoolExecutor(len(self._others)) as pool:
            asked = [pool.submit(self._ask, other, call, arguments) for other in self._others]
        return [answer for future in asked for answer in future.result()]

    def _ask(self, address: str, call: str, arguments: tuple[Any, ...]) -> list[Any]:
        try:
            with Client(address, _FAMILY, authkey=self._seat.key) as connection:
                connection.send((call, arguments))
                code, answer = connection.recv()
        except (OSError, EOFError):
            return []
        return [answer if code is None else StatusError(grpc.StatusCode[code], answer)]


def _answer(connection: Connection, calls: Mapping[str, Callable[..., Any]]) -> None:
    # Who asked may have ended meanwhile.
    with connection, contextlib.suppress(OSError, EOFError):
        call, arguments = connection.recv()
        try:
            connection.send((None, calls[call](*arguments)))
        except StatusError as error:
            connection.send((error.code.name, error.message))
