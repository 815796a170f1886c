"""A studio on a port of this computer: its socket, its address, and uvicorn from start to end."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote

import uvicorn
from starlette.applications import Starlette

from styleclip.errors import StyleClipError, UsageError
from styleclip.interrupts import on_interrupt
from styleclip.studio.web.security import is_loopback
from styleclip.studio.web.websocket import MAX_MESSAGE_BYTES

FIRST_PORT, PORTS = 8765, 100  # that are tried where none is given
MAX_HOST_CHARS = 60  # in a message
BACKLOG = 128  # connections that wait while models are loaded
SHUTDOWN_SECONDS = 3  # for answers that are being sent
DOCUMENTATION_ADDRESS = "192.0.2.1"  # RFC 5737; no packet is sent to it


def listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens on a port, or on the first free one from 8765 on; 0 is any free one.

    Browsers that connect before `serve` wait until then. Raises StyleClipError for a port that cannot be had, and
    UsageError for a host that is not an address of this computer.
    """
    for number in [port] if port is not None else [*range(FIRST_PORT, FIRST_PORT + PORTS), 0]:
        try:
            return _listen(host, number)
        except ValueError as error:  # of a host that no name can be
            raise _no_address(host) from error
        except OSError as error:
            if error.errno == errno.EADDRINUSE and port is None:
                continue
            raise _listen_error(host, number, error) from error
    raise StyleClipError(f"no port of {host} is free; end other programs")


def _listen(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as a port rests for a minute after use
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _listen_error(host: str, port: int, error: OSError) -> StyleClipError:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return _no_address(host)
    if error.errno == errno.EADDRINUSE:
        return StyleClipError(f"port {port} is in use by another program; pass another --port, or leave it out")
    if error.errno == errno.EACCES:
        return StyleClipError(f"port {port} is for administrators; pass a --port from 1024 on, or leave it out")
    return StyleClipError(f"cannot listen at {host}, port {port}: {error.strerror}; pass another --host or --port")


def _no_address(host: str) -> UsageError:
    shown = host[:MAX_HOST_CHARS]
    return UsageError(f"this computer has no address {shown}; pass 127.0.0.1, or 0.0.0.0 for all that it has")


def is_private(listener: socket.socket) -> bool:
    """Whether only this computer reaches the socket."""
    return is_loopback(listener.getsockname()[0])


def studio_url(listener: socket.socket, token: str | None = None) -> str:
    """The address of the studio for a browser, with the token that it needs."""
    name, port = listener.getsockname()[:2]
    if name in ("0.0.0.0", "::"):
        name = network_address()
    shown = f"[{name}]" if ":" in name else name
    return f"http://{shown}:{port}/" + (f"?token={quote(token, safe='')}" if token else "")


def network_address() -> str:
    """The address of this computer in its network; that of loopback where it is in none."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((DOCUMENTATION_ADDRESS, 9))  # UDP: only the route is looked up
        return str(probe.getsockname()[0])
    return "127.0.0.1"


class StudioServer(uvicorn.Server):
    """uvicorn that says when it answers, and that leaves signals to `interrupts`."""

    def __init__(self, app: Starlette, on_start: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="websockets-sansio",
                ws_max_size=MAX_MESSAGE_BYTES,
                ws_per_message_deflate=False,  # JPEG does not get smaller
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )
        self.on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.on_start()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with on_interrupt(self.end):
            yield

    def end(self) -> None:
        """Let `serve` return once its connections are closed."""
        self.should_exit = True


def serve(app: Starlette, listener: socket.socket, on_start: Callable[[], None]) -> None:
    """Answer requests until Ctrl-C or SIGTERM, then close the app. `on_start` is called once requests are answered."""
    StudioServer(app, on_start).run([listener])
