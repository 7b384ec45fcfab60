"""Builds and loads the compiled update of table rows."""

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

SOURCE = pathlib.Path(__file__).with_name("row_update.cc")
_FLAGS = ("-shared", "-fPIC", "-O3", "-march=native", "-fno-math-errno")
_LOG = logging.getLogger(__name__)


@functools.cache
def row_update_ops() -> ModuleType | None:
    """Return the compiled ops, or None where there is no C++ compiler to build them with.

    They are compiled once for a TensorFlow and a kind of processor, which takes some ten seconds,
    and kept in the user's cache. Training alone uses them: an exported model holds none.

    Example:
        >>> ops = row_update_ops()
        >>> ops is None or hasattr(ops, "recommenders_tf_adam_rows")
        True
    """
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")
    library = _folder() / f"row_update-{_fingerprint()}.so"
    if not library.exists():
        if compiler is None:
            _LOG.warning(
                "No C++ compiler was found (g++, or what CXX names), so TensorFlow's own, slower "
                "ops update the tables: install g++ to train faster."
            )
            return None
        _LOG.info("Compiling the update of table rows into %s, once.", library)
        if not _compile(compiler, library):
            return None
    return tf.load_op_library(str(library))


def _compile(compiler: str, library: pathlib.Path) -> bool:
    """Compile the source; return whether it worked."""
    library.parent.mkdir(parents=True, exist_ok=True)
    unfinished = library.with_suffix(f".{os.getpid()}.tmp")
    own = [*tf.sysconfig.get_compile_flags(), *tf.sysconfig.get_link_flags()]
    command = [compiler, *_FLAGS, str(SOURCE), "-o", str(unfinished), *own]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        _LOG.warning(
            "The update of table rows did not compile, so TensorFlow's own, slower ops take its "
            "place. `%s` said: %s",
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


def _fingerprint() -> str:
    """Return what the compiled code depends on: source, TensorFlow, kind of processor."""
    cpu = pathlib.Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else [platform.processor()]
    features = next((line for line in lines if line.startswith(("flags", "Features"))), lines[0])
    parts = (SOURCE.read_text(), tf.__version__, platform.machine(), features)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
