"""Builds and loads the ops that are written in C++."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import pathlib
import platform
import shutil
import subprocess
from types import ModuleType

import tensorflow as tf

_FLAGS = ("-shared", "-fPIC", "-O3", "-march=native", "-fno-math-errno")
_LOG = logging.getLogger(__name__)


@functools.cache
def ops(source: str) -> ModuleType | None:
    """Return the ops of a C++ file, or None where there is no compiler to build them with.

    They are compiled once for a TensorFlow and a kind of processor, which takes some ten seconds,
    and kept in the user's cache. Training alone uses them: an exported model holds none.

    Args:
        source: Path of the file, within this package.

    Example:
        >>> found = ops("optimizers/row_update.cc")
        >>> found is None or hasattr(found, "recommenders_tf_adam_rows")
        True
    """
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")
    path = pathlib.Path(__file__).parent / source
    library = _folder() / f"{path.stem}-{_fingerprint(path)}.so"
    if not library.exists():
        if compiler is None:
            _LOG.warning(
                "No C++ compiler was found (g++, or what CXX names), so TensorFlow's own, slower "
                "ops take the place of %s: install g++ to train faster.",
                path.name,
            )
            return None
        _LOG.info("Compiling %s into %s, once.", path.name, library)
        if not _compile(compiler, path, library):
            return None
    return tf.load_op_library(str(library))


def _compile(compiler: str, source: pathlib.Path, library: pathlib.Path) -> bool:
    """Compile a file; return whether it worked."""
    library.parent.mkdir(parents=True, exist_ok=True)
    unfinished = library.with_suffix(f".{os.getpid()}.tmp")
    own = [*tf.sysconfig.get_compile_flags(), *tf.sysconfig.get_link_flags()]
    command = [compiler, *_FLAGS, str(source), "-o", str(unfinished), *own]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        _LOG.warning(
            "%s did not compile, so TensorFlow's own, slower ops take its place. `%s` said: %s",
            source.name,
            " ".join(command),
            done.stderr.strip()[:500],
        )
        return False
    # At once, as several processes may compile at the same time.
    unfinished.replace(library)
    return True


def _folder() -> pathlib.Path:
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "recommenders_tf"


def _fingerprint(source: pathlib.Path) -> str:
    """Return what the compiled code depends on: source, TensorFlow, kind of processor."""
    cpu = pathlib.Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else [platform.processor()]
    features = next((line for line in lines if line.startswith(("flags", "Features"))), lines[0])
    parts = (source.read_text(), tf.__version__, platform.machine(), features)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
