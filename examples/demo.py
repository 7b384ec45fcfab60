"""Events in, recommendations out of a model server: `make demo`.

Runs the TFX pipeline on MovieLens 100K, serves what it pushed with the embedded server, and asks
that server over gRPC and over REST, as any client would, what one user should watch next.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import pathlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from recommenders_tf import data
from recommenders_tf.cli.console import errors, note, print_table, quiet

CONFIGS = pathlib.Path(__file__).parents[1] / "configs"
MODEL, LIST_LENGTH, WATCHED_SHOWN = "recommender", 10, 8
_START_SECONDS = 120


def demo(
    user: Annotated[
        str, typer.Option(help="Raw id of the user to recommend for.", show_default=False)
    ] = "",
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Take made-up events, not MovieLens.")
    ] = False,
    data_dir: Annotated[
        pathlib.Path | None, typer.Option(help="Folder with MovieLens 100K.")
    ] = None,
) -> None:
    """Run the whole chain: data, pipeline, push, server, client."""
    name = "synthetic" if synthetic else "movielens-100k"
    try:
        log = data.load(name, data_dir)
    except data.DatasetNotFoundError as error:
        note(f"{error}\nGoing on with made-up events.")
        name, log = "synthetic", data.load("synthetic")
    note(f"Events: {log!r}")
    user = user or log.events[log.schema.user_id.name].iloc[0]

    with errors.status("Loading TFX"):
        from tfx_pipeline.__main__ import show_result, show_step
        from tfx_pipeline.config import PipelineConfig
        from tfx_pipeline.runners import local
    logging.disable(logging.ERROR)
    config = PipelineConfig.load(CONFIGS / f"{name.replace('-', '_')}.yaml")
    if data_dir is not None:
        found = dataclasses.replace(config.data, data_dir=str(data_dir))
        config = dataclasses.replace(config, data=found)
    result = local.run(config, show_step)
    if result.pushed is None:
        show_result(result)
        raise typer.Exit(1)

    with serving(pathlib.Path(result.pushed).parent) as (address, url):
        recommended = ask(address, user)
        if ask(url, user) != recommended:
            raise RuntimeError(f"{url} answers otherwise than {address}.")
    events, items, schema = log.events, log.items, log.schema
    item_id = schema.item_id.name
    titles = items.set_index(item_id)["title"]
    watched = events[events[schema.user_id.name] == user].sort_values(schema.event_time.name)
    latest = watched[item_id].iloc[::-1][:WATCHED_SHOWN]
    print_table(
        [f"user {user} watched last (of {len(watched)})"], [[titles[item]] for item in latest]
    )
    print_table(
        ["rank", "recommended by the server", "score"],
        [[rank, titles[item], score] for rank, (item, score) in enumerate(recommended, 1)],
    )
    show_result(result)


def ask(address: str, user: str) -> list[tuple[str, float]]:
    """Return the recommendations of the server for a user: item ids and scores."""
    from serving.client import ServingClient

    with ServingClient(address, model=MODEL) as client:
        note(f"Asking version {client.status()[0].version} of the model at {address}")
        return list(client.recommend([user], k=LIST_LENGTH).for_user(0))


@contextlib.contextmanager
def serving(folder: pathlib.Path) -> Iterator[tuple[str, str]]:
    """Run the embedded server on a folder of model versions; give its gRPC address and REST URL."""
    from serving.client import ServingClient

    with socket.socket() as first, socket.socket() as second:
        for probe in (first, second):
            probe.bind(("127.0.0.1", 0))
        port, rest_port = first.getsockname()[1], second.getsockname()[1]
    address = f"127.0.0.1:{port}"
    command = [
        *(sys.executable, "-m", "serving.server", f"--port={port}", f"--rest_api_port={rest_port}"),
        *(f"--model_name={MODEL}", f"--model_base_path={folder.resolve()}"),
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with errors.status("Starting the server"), ServingClient(address, model=MODEL) as client:
            client.wait_until_ready(_START_SECONDS)
        yield address, f"http://127.0.0.1:{rest_port}"
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    quiet()
    typer.run(demo)
