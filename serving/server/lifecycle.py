"""A model and its versions: which are wanted, which serve, which are in use."""

import enum
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from serving.server.errors import StatusError
from serving.server.model_config import ModelConfig, choose
from serving.server.servable import Servable

_LOG = logging.getLogger(__name__)


class State(enum.IntEnum):
    """Where a version is in its life; the numbers are those of `ModelVersionStatus.State`."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(eq=False)
class Version:
    """One version of a model.

    Attributes:
        model: the name of its model.
        number: the version.
        path: its folder.
        state: where it is in its life.
        error: why it could not be loaded, else None.
        servable: the loaded model while it is AVAILABLE or UNLOADING.
        wanted: whether the version policy asks for it.
        busy: whether a thread has been told to load or unload it.
        in_flight: how many requests are running in it.
        failures: how many times loading failed.
        next_try: when to load it, on the monotonic clock.
    """

    model: str
    number: int
    path: str
    state: State = State.START
    error: StatusError | None = None
    servable: Servable = field(init=False, repr=False)
    wanted: bool = True
    busy: bool = False
    in_flight: int = 0
    failures: int = 0
    next_try: float = 0.0


class Model:
    """A model whose versions come and go.

    Everything but `acquire` and `release` is for the thread that holds `changed`.

    Args:
        config: the model's entry in the configuration.
        changed: the lock of everything in here, told when a version changes its state.

    Attributes:
        name: what clients call it.
        config: its entry in the configuration; None once it is taken out of it.
    """

    def __init__(self, config: ModelConfig, changed: threading.Condition) -> None:
        self.name = config.name
        self.config: ModelConfig | None = config
        self._changed = changed
        self._versions: dict[int, Version] = {}
        self._serving: dict[int, Version] = {}
        self._highest = 0
        self._complaint = ""

    def acquire(self, number: int | None) -> Version | None:
        """Takes a version in use, so that it is not unloaded before `release`.

        Args:
            number: the version, or None for the highest.

        Returns:
            The version, or None if it is not available.
        """
        with self._changed:
            version = self._serving.get(self._highest if number is None else number)
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
        return sorted(self._versions.values(), key=lambda v: -v.number)

    def is_serving(self) -> bool:
        """Whether a version is available."""
        return bool(self._serving)

    def given_up(self) -> list[Version]:
        """The versions that are wanted and cannot be loaded, if no other may become available."""
        wanted = [version for version in self._versions.values() if version.wanted]
        failed = [version for version in wanted if version.state is State.END]
        return failed if len(failed) == len(wanted) and not self._serving else []

    def is_settled(self) -> bool:
        """Whether there is no need to wait for a version: one serves, or none ever will."""
        return self.is_serving() or bool(self.given_up()) or self.config is None

    def found(self, paths: Mapping[int, str]) -> None:
        """Compares what is on disk with what is known.

        Args:
            paths: the folder of each version that exists; none if the model is to go.
        """
        complaint = ""
        wanted = choose(self.config.model_version_policy, paths) if self.config else []
        if self.config and not wanted:
            complaint = (
                f"No versions of servable {self.name} found under base path "
                f"{self.config.base_path}. Did you forget to name your leaf directory as a number "
                "(eg. '/1/')?"
            )
        elif self.config:
            named = self.config.model_version_policy.specific.versions
            missing = sorted(set(named) - set(wanted))
            if missing:
                complaint = (
                    f"Versions {missing} of servable {self.name} are asked for but not found under "
                    f"{self.config.base_path}."
                )
        self.complain(complaint)
        for version in self._versions.values():
            version.wanted = version.wanted and version.number in wanted
            if not version.wanted and version.state is State.START:
                version.state = State.END
        for number in wanted:
            known = self._versions.get(number)
            # A version that was away and is back is a new one.
            if known is None or (not known.wanted and known.state is State.END):
                self._versions[number] = Version(self.name, number, paths[number])
            elif not known.wanted:
                known.wanted = True
        self._changed.notify_all()

    def complain(self, complaint: str) -> None:
        """Logs what keeps versions from being found, once."""
        if complaint and complaint != self._complaint:
            _LOG.error("%s", complaint)
        self._complaint = complaint

    def to_load(self) -> list[Version]:
        """The versions to load, the highest first, due or not."""
        return [v for v in self.versions() if v.state is State.START and not v.busy]

    def to_unload(self) -> list[Version]:
        """Ends the service of versions that are not wanted, the lowest first.

        Returns:
            The versions that no request is using any more.
        """
        is_wanted = any(version.wanted for version in self._versions.values())
        for version in reversed(self.versions()):
            # The last one that answers stays until a wanted one does.
            if version.number in self._serving and not version.wanted:
                if is_wanted and len(self._serving) == 1:
                    break
                self.set_state(version, State.UNLOADING)
        return [
            version
            for version in self._versions.values()
            if version.state is State.UNLOADING and not version.in_flight and not version.busy
        ]

    def set_state(self, version: Version, state: State) -> None:
        """Moves a version on in its life."""
        with self._changed:
            version.state = state
            if state is State.AVAILABLE:
                self._serving[version.number] = version
            else:
                self._serving.pop(version.number, None)
            self._highest = max(self._serving, default=0)
            self._changed.notify_all()
