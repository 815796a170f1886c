"""`styleclip studio` in a process of its own, for the benchmark and for the tests in a browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

ARGUMENTS = ["--host", "127.0.0.1", "--no-browser", "--port"]
START = "import os; print(os.getpid(), flush=True); from styleclip.__main__ import run; run()"
URL = re.compile(r"http://[\w.:\[\]-]+/\S*")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = ("--no-sandbox", "--disable-gpu")
KIB = 1024


class StudioServer:
    """A studio that accepts connections once this is constructed; `close` ends it.

    Args:
        words: further arguments of the command, e.g. `("--model", FILE)`.
        port: 0 is one that is free.
        python: what stands in the place of `python`.
        environment: of the process, by default that of this one.
        log: file that the standard error of the process is appended to, by default that of this one.
    """

    def __init__(
        self,
        *words: str,
        port: int = 0,
        python: Sequence[str] = (sys.executable,),
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self.words, self.python, self.environment, self.log = words, python, environment, log
        self.port = port
        self.start()

    def start(self) -> None:
        """Start the process, also again after `kill`, at the same port."""
        command = [*self.python, "-c", START, "studio", *ARGUMENTS, str(self.port), *self.words]
        with ExitStack() as opened:
            errors = opened.enter_context(self.log.open("a")) if self.log else None
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert self.process.stdout
        self.pid = int(self.process.stdout.readline())
        self.url = self._read_url()
        self.port = int(self.url.split("/")[2].rpartition(":")[2])

    def _read_url(self) -> str:
        """The URL that the command prints when it accepts connections."""
        assert self.process.stdout
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if found := URL.search(line):
                return found[0]
        self.close()
        raise RuntimeError(f"styleclip studio ended before it accepted connections: {''.join(lines)}")

    def resident_bytes(self) -> int:
        """Bytes of memory that the process holds, as Linux counts them."""
        line = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text(), re.M)
        assert line
        return int(line[1]) * KIB

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        os.kill(self.pid, signal.SIGKILL)
        self._wait()

    def close(self) -> None:
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
        self._wait()

    def _wait(self) -> None:
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def chromium_path() -> str | None:
    """The Chromium of this machine."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)
