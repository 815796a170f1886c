"""`styleclip studio`: edit faces in the browser, with sliders that follow the hand."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import threading
import webbrowser
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from styleclip.cli.options.common import CommonOptions, without_none
from styleclip.cli.options.from_settings import option_group
from styleclip.cli.options.option import option
from styleclip.cli.options.types import EXISTING_FILE, CountRange
from styleclip.cli.output.printing import print_lines
from styleclip.errors import PhotoError, StyleClipError

if TYPE_CHECKING:
    from styleclip.studio.engine import Engine
    from styleclip.studio.sessions import Upload

PACKAGES = ("starlette", "uvicorn", "websockets")  # of the extra `studio`
NOT_OFFERED = ("out", "as_json", "overwrite", "metadata", "record_paths")
HOST = "The address to listen at; others than your computer's own need the token in the printed URL."
PORT = "The port; 0 is any free one.  [default: 8765, or the next free one]"
IMAGE = "The photo that the page begins with."


@click.command()
@option("--host", metavar="ADDRESS", default="127.0.0.1", help=HOST)
@option("--port", type=CountRange(0, 65535), metavar="N", help=PORT)
@option("--no-browser", is_flag=True, help="Open no browser.")
@option("--image", type=EXISTING_FILE, metavar="PHOTO", help=IMAGE)
@option_group("common", CommonOptions, without=NOT_OFFERED)
def studio(common: CommonOptions, host: str, port: int | None, no_browser: bool, image: Path | None) -> None:
    """Edit faces in the browser: a prompt becomes a slider, and the picture follows it.

    The page is on your computer only, unless --host says otherwise. Ctrl-C ends it, with exit code 0.
    """
    check_packages()
    from styleclip.studio.asgi import given_token
    from styleclip.studio.engine import Engine
    from styleclip.studio.security import Access
    from styleclip.studio.server import create_app
    from styleclip.studio.serving import is_private, listen, serve, studio_url

    with listen(host, port) as listener:
        token = given_token() or (None if is_private(listener) else secrets.token_urlsafe(32))
        access = Access(token)
        choices = without_none({"clip": common.clip, "label": common.label})
        engine = Engine(common.load(), common.model, choices)
        app = create_app(engine, access, read_image(engine, image) if image else None)
        url = studio_url(listener, token)

        def show() -> None:
            print_lines(f"studio: {url} (Ctrl-C ends it)")
            sys.stdout.flush()
            if not no_browser and has_display():
                threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

        print_log()
        serve(app, listener, show)
    if not app.state.is_closed:  # a long step of a job goes on; torch must not be taken from below it
        os._exit(0)


def check_packages() -> None:
    """Raise StyleClipError where the extra `studio` is not installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise StyleClipError(f"the studio needs {' and '.join(missing)}; run pip install 'styleclip[studio]'")


def read_image(engine: Engine, path: Path) -> Upload:
    """The photo and its faces; raises PhotoError."""
    from styleclip.studio.sessions import Upload

    try:
        data = path.read_bytes()
    except OSError as error:
        raise PhotoError(f"cannot read {path}: {error.strerror}; pass another photo") from error
    photo = engine.finder.submit(data, path.name).result()
    return Upload(photo.sha256, path.name, "photo", data, photo)


def has_display() -> bool:
    """Whether a browser can open a window; elsewhere one for the terminal would take it over."""
    names = (os.environ.get("BROWSER"), os.environ.get("DISPLAY"), os.environ.get("WAYLAND_DISPLAY"))
    return sys.platform in ("darwin", "win32") or any(names)


class PrintLog(logging.Handler):
    """Prints a line for each message of the log; with STYLECLIP_DEBUG=1 also the traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        lines = self.format(record).splitlines()
        print_lines(*(lines if os.environ.get("STYLECLIP_DEBUG") == "1" else lines[:1]), err=True)


def print_log() -> None:
    """Print the errors of the studio and of uvicorn, whose messages about every request are left out."""
    for name, level in (("styleclip.studio", logging.WARNING), ("uvicorn", logging.CRITICAL)):
        log = logging.getLogger(name)
        log.setLevel(level)
        log.handlers[:] = [PrintLog()]
        log.propagate = False
