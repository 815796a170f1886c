"""Python processes that start with torch and this package imported: a server imports them once and forks for each.

A caller whose modules lie elsewhere (PYTHONPATH) imports this package anew. Arguments, folder, environment and streams
are those of the caller, so a process differs from `python ARGUMENTS` only in that its start and its end take no
seconds. Where Python is told to write no bytecode, that of the modules imported after the fork lies beside the socket,
for the next process. For tests of what the commands do; what an import costs and signals need a process of their own
(`support.run_python`).

    python -m tests.helpers.preloaded serve SOCKET
    python -S tests/helpers/preloaded.py SOCKET -m styleclip sample --seed 3
"""

from __future__ import annotations

import atexit
import fcntl
import io
import json
import os
import runpy
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

IMPORTED = ("torch", "torchvision", "open_clip", "timm", "scipy.ndimage", "PIL.Image", "safetensors.torch", "click")
OURS = ("styleclip.editor", "styleclip.loading", "styleclip.cli.edit_jobs")  # read no environment and no file
LENGTH = struct.Struct("!I")
SOCKET, PID = "python.socket", "pid"  # files in the folder of a server
STREAMS = 3  # stdin, stdout, stderr
START_SECONDS = 120.0


class Preloaded:
    """The server of a folder, a process that the first user starts; the `close` of the last one ends it."""

    def __init__(self, folder: Path, environment: dict[str, str], user: str = "user") -> None:
        self.folder, self.user = folder, folder / f"{user}.user"
        self.socket, self.pid = folder / SOCKET, folder / PID
        folder.mkdir(exist_ok=True)
        with self.locked():
            self.user.touch()
            if not self.socket.exists():
                self._start(environment)

    def _start(self, environment: dict[str, str]) -> None:
        """Return when the server accepts callers."""
        command = [sys.executable, "-m", "tests.helpers.preloaded", "serve", str(self.socket)]
        subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, timeout=START_SECONDS, check=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Wait until no other process starts or ends the server."""
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @property
    def command(self) -> list[str]:
        """What stands in the place of `python`, before its arguments."""
        return [sys.executable, "-S", "-E", str(Path(__file__)), str(self.socket)]

    def close(self) -> None:
        with self.locked():
            self.user.unlink()
            if not [*self.folder.glob("*.user")]:
                self.socket.unlink()
                os.kill(int(self.pid.read_text()), signal.SIGTERM)


def serve(path: str) -> None:
    """Import, then return, and fork for every caller in another process until that is terminated."""
    for name in (*IMPORTED, *OURS, "tests.helpers.frozen_imports"):
        __import__(name)
    if sys.dont_write_bytecode:
        sys.dont_write_bytecode, sys.pycache_prefix = False, str(Path(path).with_name("bytecode"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(f"{path}.new")
        listener.listen()
        os.rename(f"{path}.new", path)
        if os.fork():
            return
        os.setsid()  # Ctrl-C is for the processes that run the tests
        Path(path).with_name(PID).write_text(str(os.getpid()))
        while True:
            caller, _ = listener.accept()
            with caller:
                request, streams = receive(caller)
                if os.fork() == 0:  # one process for each caller, so that a command may run for as long as the tests
                    listener.close()
                    run_for(caller, request, streams)
                for stream in streams:
                    os.close(stream)
            reap()


def reap() -> None:
    """Collect the processes that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def run_for(caller: socket.socket, request: dict[str, object], streams: list[int]) -> None:
    """Run the arguments in a process of their own, and send the caller its exit status; neither returns."""
    child = os.fork()
    if child == 0:
        caller.close()
        end(run(request, streams))
    for stream in streams:
        os.close(stream)
    _, status = os.waitpid(child, 0)
    caller.sendall(LENGTH.pack(os.waitstatus_to_exitcode(status) & 0xFF))
    os._exit(0)


def run(request: dict[str, object], streams: list[int]) -> int:
    """Run the arguments of a request; the exit status. An exception other than SystemExit is Python's to report."""
    try:
        become(request, streams)
    except SystemExit as stop:
        if not (stop.code is None or isinstance(stop.code, int)):
            raise
        return stop.code or 0
    return 0


def end(status: int) -> None:
    """End the process as Python does, but leave the modules in memory: to free them takes a third of a second."""
    threading._shutdown()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        status = 120  # as of Python, where nobody reads the output
    os._exit(status & 0xFF)


def receive(caller: socket.socket) -> tuple[dict[str, object], list[int]]:
    """The request and the streams of a caller."""
    head, streams, _, _ = socket.recv_fds(caller, LENGTH.size, STREAMS)
    (length,), content = LENGTH.unpack(head), b""
    while len(content) < length:
        content += caller.recv(length - len(content))
    return json.loads(content), streams


def become(request: dict[str, object], streams: list[int]) -> None:
    """Run the arguments of a request as Python would."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout = io.TextIOWrapper(io.BufferedReader(io.FileIO(0))), text_writer(1)
    sys.stderr = text_writer(2, line_buffering=True, errors="backslashreplace")
    arguments, environment, folder = request["arguments"], request["environment"], request["folder"]
    assert isinstance(arguments, list) and isinstance(environment, dict) and isinstance(folder, str)
    os.chdir(folder)
    dropped = {"tests"} if environment["PYTHONPATH"] == os.environ["PYTHONPATH"] else {"tests", "styleclip", "cuda_ops"}
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = ["", *environment["PYTHONPATH"].split(os.pathsep), *sys.path]
    for name in [name for name in sys.modules if name.partition(".")[0] in dropped]:
        del sys.modules[name]
    kind, what, *rest = arguments
    sys.argv = ["-c" if kind == "-c" else what, *rest]
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    elif kind == "-c":
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
    else:
        raise ValueError(f"{kind} is not -m or -c")


def text_writer(descriptor: int, **options: Any) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(io.FileIO(descriptor, "w")), **options)


def call(path: str, arguments: list[str]) -> int:
    """Have the server run the arguments with the streams of this process; returns the exit status."""
    request = {"arguments": arguments, "environment": dict(os.environ), "folder": os.getcwd()}
    content = json.dumps(request).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.connect(path)
        socket.send_fds(server, [LENGTH.pack(len(content))], range(STREAMS))
        server.sendall(content)
        answer = server.recv(LENGTH.size)
    return int(LENGTH.unpack(answer)[0]) if answer else 1


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        sys.exit(call(sys.argv[1], sys.argv[2:]))
