"""Digests of files, which tell the content of one from that of another of the same name."""

from __future__ import annotations

import hashlib
import pathlib

_BLOCK_BYTES = 2**20


def file_digest(path: str | pathlib.Path) -> str | None:
    """Return a digest of what a file holds, None where there is no file.

    Example:
        >>> file_digest("nowhere.csv") is None
        True
    """
    path = pathlib.Path(path)
    if not path.is_file():
        return None
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()[:16]


def check_unchanged(path: str | pathlib.Path, digest: str | None) -> None:
    """Make sure that a file is the one that a digest was made of.

    Args:
        path: The file.
        digest: Of `file_digest`; None where there was no file. A file that is gone is not judged.

    Raises:
        ValueError: The file has changed.
    """
    found = file_digest(path)
    if None not in (digest, found) and found != digest:
        raise ValueError(
            f"`{path}` is not the file that the protocol was made with: its content has another "
            "digest. Bring that file back, or name this one in a new protocol."
        )
