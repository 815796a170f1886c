"""The uploads of every browser, bounded and freed when it has gone."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from styleclip.studio.caches import bytes_of
from styleclip.studio.drawing.faces import PhotoFaces

IDLE_S = 30 * 60  # after which a session without a connection is freed
MAX_SESSIONS = 500
MAX_UPLOAD_BYTES = 256 * 2**20  # of a session
MAX_TOTAL_BYTES = 4 * 2**30  # of all sessions
MAX_PHOTOS, MAX_FILES = 16, 32  # of a session

Kind = Literal["photo", "direction", "mapper"]


@dataclass(frozen=True, eq=False)
class Upload:
    """A file that a browser has sent.

    Args:
        sha256: of its bytes.
        name: as the browser told it.
        kind: what it is.
        data: the bytes.
        value: what was read from them: `PhotoFaces`, `FileDirections` or `TrainedMapper`.
    """

    sha256: str
    name: str
    kind: Kind
    data: bytes
    value: Any = None

    @cached_property
    def size(self) -> int:
        """The bytes of memory that it takes."""
        value = self.value.bytes if isinstance(self.value, PhotoFaces) else bytes_of(self.value)
        return len(self.data) + value


class Uploads:
    """The uploads of a session; those used least recently are dropped."""

    def __init__(self) -> None:
        self._uploads: OrderedDict[str, Upload] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def total_bytes(self) -> int:
        """The memory that all uploads take."""
        return sum(upload.size for upload in list(self._uploads.values()))

    def put(self, upload: Upload) -> None:
        """Keep an upload, and drop old ones beyond the limits."""
        with self._lock:
            self._uploads[upload.sha256] = upload
            self._uploads.move_to_end(upload.sha256)
            photos = [each.sha256 for each in self._uploads.values() if each.kind == "photo"]
            others = [each.sha256 for each in self._uploads.values() if each.kind != "photo"]
            for sha256 in [*photos[:-MAX_PHOTOS], *others[:-MAX_FILES]]:
                del self._uploads[sha256]
            while self.total_bytes > MAX_UPLOAD_BYTES and len(self._uploads) > 1:
                self._uploads.popitem(last=False)

    def clear(self) -> None:
        """Drop all uploads."""
        with self._lock:
            self._uploads.clear()

    def get(self, sha256: str) -> Upload | None:
        """The upload of a hash, which becomes the most recently used; None where it is not there (any more)."""
        with self._lock:
            if sha256 in self._uploads:
                self._uploads.move_to_end(sha256)
            return self._uploads.get(sha256)


class Session:
    """One browser: its uploads, when it was last `heard` of, and `inversions`, the keys of its inverted photos."""

    def __init__(self, session_id: str, now: Callable[[], float]) -> None:
        self.id, self.uploads, self._now = session_id, Uploads(), now
        self.inversions: set[str] = set()
        self._connections, self.heard = 0, now()
        self._lock = threading.Lock()

    @property
    def idle_s(self) -> float:
        """The seconds since it was heard of; 0 while it is connected."""
        return 0.0 if self._connections else self._now() - self.heard

    def touch(self) -> None:
        """Note that it was heard of."""
        self.heard = self._now()

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Within, a websocket of this session is open."""
        with self._lock:
            self._connections += 1
        try:
            yield
        finally:
            with self._lock:
                self._connections -= 1
            self.touch()


class Sessions:
    """All sessions, by id. Those without a connection are freed after IDLE_S, and the idlest of too many.

    Args:
        now: a clock, in seconds.
        max_sessions: more are freed early, unless they are connected.
        on_free: gets the keys of the inverted photos that no session has any more.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        max_sessions: int = MAX_SESSIONS,
        on_free: Callable[[set[str]], None] = lambda inversions: None,
    ) -> None:
        self._now, self._max_sessions, self._on_free = now, max_sessions, on_free
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._sessions)

    def get(self, session_id: str) -> Session:
        """The session of an id, which is made where there is none."""
        with self._lock:
            self._free_idle(session_id)
            session = self._sessions.get(session_id)
            if session is None:
                session = self._sessions[session_id] = Session(session_id, self._now)
            session.touch()
            return session

    def keep(self, session: Session, upload: Upload) -> None:
        """Keep an upload in a session; beyond MAX_TOTAL_BYTES the sessions heard of longest ago lose theirs."""
        session.uploads.put(upload)
        with self._lock:
            others = sorted(self._sessions.values(), key=lambda other: other.heard)
            total = sum(other.uploads.total_bytes for other in others)
            for other in others:
                if total > MAX_TOTAL_BYTES and other is not session:
                    total -= other.uploads.total_bytes
                    other.uploads.clear()

    def free_idle(self) -> None:
        """Free the sessions that have been idle for too long; for a timer, where nobody comes."""
        with self._lock:
            self._free_idle()

    def _free_idle(self, keep: str = "") -> None:
        idle = sorted(self._sessions.values(), key=lambda session: session.idle_s, reverse=True)
        surplus = max(len(idle) - self._max_sessions, 0)
        for index, session in enumerate(idle):
            if session.id != keep and (session.idle_s > IDLE_S or (index < surplus and session.idle_s > 0)):
                freed = self._sessions.pop(session.id).inversions
                self._on_free(freed.difference(*(other.inversions for other in self._sessions.values())))
