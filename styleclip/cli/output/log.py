"""Python's log on stderr, for commands that serve until they are ended."""

from __future__ import annotations

import logging
import os

from styleclip.cli.output.printing import print_lines


class PrintLog(logging.Handler):
    """Prints a line for each message; with STYLECLIP_DEBUG=1 also the traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        lines = self.format(record).splitlines()
        print_lines(*(lines if os.environ.get("STYLECLIP_DEBUG") == "1" else lines[:1]), err=True)


def print_log(name: str, level: int) -> None:
    """Print the messages of a log, of this level at least."""
    log = logging.getLogger(name)
    log.setLevel(level)
    log.handlers[:] = [PrintLog()]
    log.propagate = False
