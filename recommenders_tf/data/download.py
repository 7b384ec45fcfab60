"""Finding a data set on this machine, or fetching it from its official place."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import re
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

DATA_VARIABLE = "RECOMMENDERS_TF_DATA"
_TIMEOUT = 30.0
_CHUNK = 1 << 16


class DatasetNotFoundError(FileNotFoundError):
    """A data set is neither on this machine nor can it be fetched; the message says what to do.

    Example:
        >>> issubclass(DatasetNotFoundError, FileNotFoundError)
        True
    """


@dataclasses.dataclass(frozen=True)
class Archive:
    """A published zip archive.

    Args:
        url: Where it is published.
        folder: The folder in it that holds the files.
        md5: Its published checksum; None reads it from the `.md5` file beside the archive.
    """

    url: str
    folder: str
    md5: str | None = None


def cache_dir() -> pathlib.Path:
    """Return the folder for what is fetched or made: `~/.cache/recommenders_tf` by default."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "recommenders_tf"


def candidates(
    name: str, archive: Archive, data_dir: str | pathlib.Path | None
) -> Iterator[pathlib.Path]:
    """Yield the folders where a data set may lie, in the order in which they count.

    They are `data_dir`, the folder that `RECOMMENDERS_TF_DATA` names, and the cache; in each a
    folder called like the data set or like the archive's own, and for the first two the folder
    itself.
    """
    given = [data_dir, os.environ.get(DATA_VARIABLE)]
    for root in [pathlib.Path(root).expanduser() for root in given if root]:
        yield from (root / name, root / archive.folder, root)
    yield cache_dir() / name


def fetch(name: str, archive: Archive) -> pathlib.Path:
    """Download an archive into the cache, check it and unpack it.

    Nothing is left behind when it fails, and what is there is whole: the files get their final
    place only once all of them are unpacked.

    Returns:
        The folder with the files.

    Raises:
        OSError: No network, no such archive, or no room.
        ValueError: The checksum differs.
    """
    target = cache_dir() / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        path = pathlib.Path(folder) / "archive.zip"
        expected = archive.md5 or _published_md5(archive.url)
        found = _download(archive.url, path, f"Fetching {name}")
        if found != expected:
            raise ValueError(
                f"The checksum of {archive.url} is {found}, not {expected}: the download is "
                "damaged or was tampered with; try again."
            )
        with zipfile.ZipFile(path) as contents:
            contents.extractall(folder)
        if not target.exists():  # another process may have been faster
            (pathlib.Path(folder) / archive.folder).rename(target)
    return target


def _published_md5(url: str) -> str:
    with urllib.request.urlopen(url + ".md5", timeout=_TIMEOUT) as answer:
        text = answer.read().decode()
    if (md5 := re.search(r"\b[0-9a-f]{32}\b", text)) is None:
        raise ValueError(f"{url}.md5 holds no checksum: {text[:80]!r}.")
    return md5.group()


def _download(url: str, path: pathlib.Path, title: str) -> str:
    """Write what is at `url` to `path`, with a progress bar, and return its MD5."""
    md5 = hashlib.md5(usedforsecurity=False)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with (
        urllib.request.urlopen(url, timeout=_TIMEOUT) as answer,
        path.open("wb") as file,
        Progress(
            *columns, TransferSpeedColumn(), transient=True, console=Console(stderr=True)
        ) as progress,
    ):
        size = answer.headers.get("Content-Length")
        task = progress.add_task(title, total=int(size) if size else None)
        while chunk := answer.read(_CHUNK):
            md5.update(chunk)
            file.write(chunk)
            progress.update(task, advance=len(chunk))
    return md5.hexdigest()
