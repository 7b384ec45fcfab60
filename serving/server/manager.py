"""The threads that look for versions, load them and unload them.

As in TF Serving's default policy, a new version is loaded before the old one goes, a version that
cannot be loaded takes nothing away, and a version is unloaded only after its last request.
"""

import gc
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import grpc

from serving.server.errors import StatusError, from_exception
from serving.server.lifecycle import Model, State, Version
from serving.server.model_config import ModelConfig
from serving.server.options import ServerOptions
from serving.server.servable import Servable
from serving.server.versions import find_versions

_SIGNAL_SECONDS = 0.5

_LOG = logging.getLogger(__name__)


class Manager:
    """Keeps the versions that are loaded in step with the configuration and the folders.

    Args:
        options: poll interval, retries and numbers of threads.
        load: makes a version ready to serve, or raises.
    """

    def __init__(self, options: ServerOptions, load: Callable[[Version], Servable]) -> None:
        self.models: dict[str, Model] = {}
        self.changed = threading.Condition()
        self._options = options
        self._load = load
        self._next_poll = math.inf
        self._stopping = False
        # At the start the server has nothing else to do, as in TF Serving.
        self._loaders = ThreadPoolExecutor(4 * (os.cpu_count() or 1), "load")
        self._unloaders = ThreadPoolExecutor(max(options.num_unload_threads, 1), "unload")
        self._thread = threading.Thread(target=self._run, name="versions", daemon=True)

    def start(self) -> None:
        """Begins to look for versions and to load them."""
        self._thread.start()

    def stop(self) -> None:
        """Stops looking for versions; what is loaded stays loaded."""
        with self.changed:
            self._stopping = True
            self.changed.notify_all()
        self._thread.join(timeout=5)
        self._loaders.shutdown(wait=False, cancel_futures=True)
        self._unloaders.shutdown(wait=False, cancel_futures=True)

    def configure(self, configs: Iterable[ModelConfig]) -> list[str]:
        """Takes models in, changes them, and lets those go that are not named.

        Returns:
            The names of the models that are new.
        """
        with self.changed:
            added = []
            wanted = {config.name: config for config in configs}
            for name, config in wanted.items():
                model = self.models.get(name)
                if model is None:
                    model = self.models[name] = Model(config, self.changed)
                    added.append(name)
                elif model.config is None:
                    added.append(name)
                model.config = config
            for name, model in self.models.items():
                if name not in wanted and model.config is not None:
                    model.config = None
                    model.found({})
            if self._options.file_system_poll_wait_seconds >= 0:
                self._next_poll = 0
            self.changed.notify_all()
            return added

    def wait_until_available(self, names: Iterable[str], deadline: float | None = None) -> None:
        """Blocks until each of some models has a version to serve, however long that takes.

        Args:
            names: the models.
            deadline: the seconds to wait at most; None for no limit.

        Raises:
            StatusError: every wanted version of a model was given up, or the time is over.
        """
        models = [self.models[name] for name in names]
        end = math.inf if deadline is None else time.monotonic() + deadline
        with self.changed:
            while waiting := [model for model in models if not model.is_settled()]:
                left = end - time.monotonic()
                if left <= 0:
                    break
                # In short waits, for the main thread acts on signals only between them.
                self.changed.wait(min(left, _SIGNAL_SECONDS))
            failed = [version for model in models for version in model.given_up()]
        if failed:
            listed = "".join(
                f"{{{{name: {version.model} version: {version.number}}} due to error: "
                f"{version.error}}}, "
                for version in failed
            )
            raise StatusError(
                grpc.StatusCode.UNKNOWN,
                f"{len(failed)} servable(s) did not become available: {{{listed}}}",
            )
        if waiting:
            raise StatusError(
                grpc.StatusCode.DEADLINE_EXCEEDED, "Some models have no version to serve yet."
            )

    def settle(self) -> None:
        """Ends the start: from here on as many versions load at a time as the flag says."""
        with self.changed:
            many = self._loaders
            self._loaders = ThreadPoolExecutor(max(self._options.num_load_threads, 1), "load")
        many.shutdown(wait=False)

    def _run(self) -> None:
        while not self._stopping:
            if time.monotonic() >= self._next_poll:
                self._poll()
            with self.changed:
                if self._stopping:
                    return
                pause = min(self._dispatch(), self._next_poll) - time.monotonic()
                if pause > 0:
                    self.changed.wait(min(pause, 60))

    def _poll(self) -> None:
        seconds = self._options.file_system_poll_wait_seconds
        with self.changed:
            self._next_poll = time.monotonic() + seconds if seconds > 0 else math.inf
            configs = [(m, m.config) for m in self.models.values() if m.config is not None]
        for model, config in configs:
            try:
                paths = find_versions(model.name, config.base_path)
            except StatusError as error:
                # The folder may be out of reach for a while: no reason to unload anything.
                model.complain(error.message)
                continue
            with self.changed:
                # It may have been changed or taken out meanwhile.
                if model.config is config:
                    model.found(paths)

    def _dispatch(self) -> float:
        """Hands out what is due; says when to come back for what is not."""
        later = math.inf
        for model in self.models.values():
            for version in model.to_unload():
                version.busy = True
                self._unloaders.submit(self._unload_one, model, version)
            for version in model.to_load():
                if version.next_try > time.monotonic():
                    later = min(later, version.next_try)
                    continue
                version.busy = True
                self._loaders.submit(self._load_one, model, version)
        return later

    def _load_one(self, model: Model, version: Version) -> None:
        with self.changed:
            version.busy = False
            if version.state is not State.START:  # it is no longer wanted
                return
            model.set_state(version, State.LOADING)
        start = time.monotonic()
        try:
            version.servable = self._load(version)
        except Exception as error:
            self._load_failed(model, version, from_exception(error))
        else:
            model.set_state(version, State.AVAILABLE)
            took = 1000 * (time.monotonic() - start)
            _LOG.info(
                "Model %s version %d is loaded, took %d ms.", model.name, version.number, took
            )

    def _load_failed(self, model: Model, version: Version, error: StatusError) -> None:
        with self.changed:
            version.failures += 1
            retries = self._options.max_num_load_retries
            if version.failures <= retries and version.wanted:
                seconds = self._options.load_retry_interval_micros / 1e6
                version.next_try = time.monotonic() + seconds
                model.set_state(version, State.START)
                outlook = f"retry {version.failures} of {retries} follows in {seconds:g} s"
            else:
                version.error = error
                model.set_state(version, State.END)
                outlook = "it is given up"
        reason = " ".join(str(error).split())
        where = f"Model {model.name} version {version.number} cannot be loaded from {version.path}"
        _LOG.error("%s; %s: %s", where, outlook, reason)

    def _unload_one(self, model: Model, version: Version) -> None:
        version.servable.close()
        del version.servable
        # Graph and session refer to each other, so that only the collector frees them.
        gc.collect()
        version.busy = False
        model.set_state(version, State.END)
        _LOG.info("Model %s version %d is unloaded.", model.name, version.number)
