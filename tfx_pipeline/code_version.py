"""What stands for the code in a cache key: TFX compares inputs and parameters, never programs."""

from __future__ import annotations

import hashlib
import importlib.util
import pathlib


def code_version(*names: str) -> str:
    """Return a fingerprint of the source of modules and packages.

    Args:
        names: Importable names; of a package, all its modules count.
    """
    digest = hashlib.sha256()
    for name in names:
        spec = importlib.util.find_spec(name)
        assert spec is not None, name
        assert spec.origin is not None, name
        path = pathlib.Path(spec.origin)
        files = path.parent.rglob("*.py") if spec.submodule_search_locations else [path]
        for file in sorted(files):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
