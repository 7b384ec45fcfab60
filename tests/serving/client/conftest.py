"""The client in all its kinds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from serving.client import AsyncServingClient, ServingClient


class Awaited:
    """An `AsyncServingClient` whose calls are awaited one by one, on a loop of its own."""

    def __init__(self, address: str, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._client = AsyncServingClient(address, **options)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)
        return lambda *args, **options: self._loop.run_until_complete(method(*args, **options))

    def __enter__(self) -> Awaited:
        self._loop.run_until_complete(self._client.__aenter__())
        return self

    def __exit__(self, *error: Any) -> None:
        self._loop.run_until_complete(self._client.__aexit__(*error))
        self._loop.close()


KINDS = {
    "grpc": ServingClient,
    "async-grpc": Awaited,
    "rest": ServingClient,
    "async-rest": Awaited,
}


@pytest.fixture(params=KINDS)
def connect(request, toy_server) -> Callable[..., Any]:
    """Makes a client of the toy server, of each kind in turn."""

    over_rest = request.param.endswith("rest")
    address = f"http://localhost:{toy_server.rest_port}" if over_rest else toy_server.address

    def connect(**options: Any) -> Any:
        options = {"model": "toy", "timeout": 60} | options
        return KINDS[request.param](address, **options)

    connect.address, connect.over_rest = address, over_rest
    return connect


@pytest.fixture
def client(connect) -> Iterator[Any]:
    with connect() as client:
        yield client
