"""The versions of one model: found, loaded, served, unloaded.

As in TF Serving's default policy, a new version is loaded before the old one goes, a version that
cannot be loaded takes nothing away, and a version is unloaded only after its last request.
"""

import enum
import gc
import logging
import threading
import time
from dataclasses import dataclass, field

import grpc

from serving.server.errors import StatusError, from_exception
from serving.server.options import ServerOptions
from serving.server.servable import Servable
from serving.server.versions import VersionPolicy, find_versions, latest

_LOG = logging.getLogger(__name__)


class State(enum.IntEnum):
    """Where a version is in its life; the numbers are those of `ModelVersionStatus.State`."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass
class Version:
    """One version of a model.

    Attributes:
        number: the version.
        path: its folder.
        state: where it is in its life.
        error: why it could not be loaded, else None.
        servable: the loaded model while it is AVAILABLE or UNLOADING.
        wanted: whether the version policy asks for it.
        in_flight: how many requests are running in it.
        failures: how many times loading failed.
        next_try: when to load it, on the monotonic clock.
    """

    number: int
    path: str
    state: State = State.START
    error: StatusError | None = None
    servable: Servable = field(init=False, repr=False)
    wanted: bool = True
    in_flight: int = 0
    failures: int = 0
    next_try: float = 0.0


class Model:
    """A model whose versions come and go with the folders under a base path.

    Args:
        name: what clients call it.
        base_path: the folder that holds the version folders.
        options: poll interval, retries and tags.
        policy: which of the versions found are to be served.
    """

    def __init__(
        self, name: str, base_path: str, options: ServerOptions, policy: VersionPolicy = latest
    ) -> None:
        self.name = name
        self.base_path = base_path
        self._options = options
        self._policy = policy
        self._versions: dict[int, Version] = {}
        self._serving: dict[int, Version] = {}
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._complaint = ""
        self._thread = threading.Thread(target=self._run, name=f"versions of {name}", daemon=True)

    def start(self) -> None:
        """Begins to look for versions and to load them, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stops looking for versions; what is loaded stays loaded."""
        self._stopping.set()
        self._thread.join(timeout=5)

    def wait_until_available(self) -> None:
        """Blocks until a version can be served, however long it takes to appear.

        Raises:
            StatusError: every version wanted was given up.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._serving or self._given_up())
            if self._serving:
                return
            failed = self._given_up()
        listed = "".join(
            f"{{{{name: {self.name} version: {version.number}}} due to error: {version.error}}}, "
            for version in failed
        )
        raise StatusError(
            grpc.StatusCode.UNKNOWN,
            f"{len(failed)} servable(s) did not become available: {{{listed}}}",
        )

    def acquire(self, number: int | None) -> Version | None:
        """Takes a version in use, so that it is not unloaded before `release`.

        Args:
            number: the version, or None for the highest.

        Returns:
            The version, or None if it is not available.
        """
        with self._changed:
            if number is None:
                number = max(self._serving, default=0)
            version = self._serving.get(number)
            if version is not None:
                version.in_flight += 1
            return version

    def release(self, version: Version) -> None:
        """Gives back what `acquire` took."""
        with self._changed:
            version.in_flight -= 1
            if not version.in_flight and version.state is State.UNLOADING:
                self._changed.notify_all()

    def versions(self) -> list[Version]:
        """Every version ever wanted, the highest first."""
        with self._changed:
            return sorted(self._versions.values(), key=lambda v: -v.number)

    def _given_up(self) -> list[Version]:
        return [v for v in self._versions.values() if v.wanted and v.state is State.END]

    def _run(self) -> None:
        seconds = self._options.file_system_poll_wait_seconds
        next_poll = time.monotonic() if seconds >= 0 else float("inf")
        while not self._stopping.is_set():
            if time.monotonic() >= next_poll:
                self._poll()
                next_poll = time.monotonic() + seconds if seconds else float("inf")
            if not self._unload_one() and not self._load_one():
                tries = [v.next_try for v in self._waiting()]
                self._stopping.wait(
                    min([next_poll, *tries, time.monotonic() + 60]) - time.monotonic()
                )

    def _poll(self) -> None:
        """Compares what is on disk with what is known."""
        try:
            paths = find_versions(self.name, self.base_path)
        except StatusError as error:
            # The folder may be out of reach for a while: no reason to unload anything.
            self._complain(error.message)
            return
        wanted = self._policy(paths)
        self._complain(
            ""
            if wanted
            else f"No versions of servable {self.name} found under base path {self.base_path}. "
            "Did you forget to name your leaf directory as a number (eg. '/1/')?"
        )
        with self._changed:
            for version in self._versions.values():
                version.wanted = version.wanted and version.number in wanted
                if not version.wanted and version.state < State.AVAILABLE:
                    version.state = State.END
            for number in wanted:
                known = self._versions.get(number)
                # A version that was away and is back is a new one.
                if known is None or (not known.wanted and known.state is State.END):
                    self._versions[number] = Version(number, paths[number])
                elif not known.wanted:
                    known.wanted = True

    def _complain(self, complaint: str) -> None:
        """Logs what keeps versions from being found, once."""
        if complaint and complaint != self._complaint:
            _LOG.error("%s", complaint)
        self._complaint = complaint

    def _waiting(self) -> list[Version]:
        with self._changed:
            return [v for v in self._versions.values() if v.state < State.AVAILABLE]

    def _load_one(self) -> bool:
        """Loads the highest version that is due; False if there is none."""
        due = [v for v in self._waiting() if v.next_try <= time.monotonic()]
        if not due:
            return False
        version = max(due, key=lambda v: v.number)
        self._set_state(version, State.LOADING)
        start = time.monotonic()
        try:
            version.servable = Servable(version.path, self._options.saved_model_tags.split(","))
        except Exception as error:
            self._load_failed(version, from_exception(error))
        else:
            self._set_state(version, State.AVAILABLE)
            took = 1000 * (time.monotonic() - start)
            _LOG.info("Model %s version %d is loaded, took %d ms.", self.name, version.number, took)
        return True

    def _load_failed(self, version: Version, error: StatusError) -> None:
        version.failures += 1
        retries = self._options.max_num_load_retries
        if version.failures <= retries:
            seconds = self._options.load_retry_interval_micros / 1e6
            version.next_try = time.monotonic() + seconds
            outlook = f"retry {version.failures} of {retries} follows in {seconds:g} s"
        else:
            version.error = error
            self._set_state(version, State.END)
            outlook = "it is given up"
        reason = " ".join(str(error).split())
        where = f"Model {self.name} version {version.number} cannot be loaded from {version.path}"
        _LOG.error("%s; %s: %s", where, outlook, reason)

    def _unload_one(self) -> bool:
        """Unloads the lowest version that is not wanted; False if there is none that may go."""
        with self._changed:
            unwanted = [v for v in self._serving.values() if not v.wanted]
            is_wanted = any(v.wanted for v in self._versions.values())
            # The last one that answers stays until a wanted one does.
            if not unwanted or (is_wanted and len(self._serving) == 1):
                return False
            version = min(unwanted, key=lambda v: v.number)
            self._set_state(version, State.UNLOADING)
            self._changed.wait_for(lambda: not version.in_flight)
        version.servable.close()
        del version.servable
        # Graph and session refer to each other, so that only the collector frees them.
        gc.collect()
        self._set_state(version, State.END)
        _LOG.info("Model %s version %d is unloaded.", self.name, version.number)
        return True

    def _set_state(self, version: Version, state: State) -> None:
        with self._changed:
            version.state = state
            if state is State.AVAILABLE:
                self._serving[version.number] = version
            else:
                self._serving.pop(version.number, None)
            self._changed.notify_all()
