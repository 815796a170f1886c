"""`styleclip studio`: edit faces in the browser, with sliders that follow the hand."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from styleclip.cli.options.common import COMMON_KINDS, CommonOptions
from styleclip.cli.options.from_settings import option_group
from styleclip.cli.options.option import option
from styleclip.cli.options.types import EXISTING_FILE, EXISTING_PATH, CountRange
from styleclip.cli.output.printing import print_lines
from styleclip.errors import PhotoError, StyleClipError

if TYPE_CHECKING:
    from threading import Thread

    from styleclip.studio.engine import Engine
    from styleclip.studio.sessions import Upload

PACKAGES = ("starlette", "uvicorn", "websockets")  # of the extra `studio`
NOT_OFFERED = ("out", "as_json", "overwrite", "metadata", "record_paths")
HOST = "The address to listen at; others than your computer's own need the token in the printed URL."
PORT = "The port; 0 is any free one.  [default: 8765, or the next free one]"
IMAGE = "The photo that the page begins with."
CHILD = (
    "A child of the generator, or a folder of them, to draw in its place; may be given again. Those in the folder "
    "children of the cache are listed as well."
)


@click.command()
@option("--host", metavar="ADDRESS", default="127.0.0.1", help=HOST)
@option("--port", type=CountRange(0, 65535), metavar="N", help=PORT)
@option("--no-browser", is_flag=True, help="Open no browser.")
@option("--image", type=EXISTING_FILE, metavar="PHOTO", help=IMAGE)
@option("--child", "children", type=EXISTING_PATH, multiple=True, metavar="FILE", help=CHILD)
@option_group("common", CommonOptions, COMMON_KINDS, without=NOT_OFFERED)
def studio(
    common: CommonOptions,
    host: str,
    port: int | None,
    no_browser: bool,
    image: Path | None,
    children: tuple[Path, ...],
) -> None:
    """Edit faces in the browser: a prompt becomes a slider, and the picture follows it.

    The page is on your computer only, unless --host says otherwise. Ctrl-C ends it, with exit code 0.
    """
    check_packages()
    import logging
    import secrets

    from styleclip.cli.output.log import print_log
    from styleclip.studio.asgi import given_token
    from styleclip.studio.engine import Engine
    from styleclip.studio.web.security import Access
    from styleclip.studio.web.server import create_app
    from styleclip.studio.web.serving import is_private, listen, serve, studio_url

    with listen(host, port) as listener:
        token = given_token() or (None if is_private(listener) else secrets.token_urlsafe(32))
        engine = Engine(common.load(), common.model, load_choices(common), children)
        app = create_app(engine, Access(token), read_image(engine, image) if image else None)
        url = studio_url(listener, token)

        def show() -> None:
            print_lines(f"studio: {url} (Ctrl-C ends it)")
            sys.stdout.flush()
            if not no_browser and has_display():
                open_browser(url)

        print_log("styleclip.studio", logging.WARNING)
        print_log("uvicorn", logging.CRITICAL)  # it tells of every damaged request
        serve(app, listener, show)
    if not app.state.is_closed:  # a long step of a job goes on; torch must not be taken from below it
        os._exit(0)


def check_packages() -> None:
    """Raise StyleClipError where the extra `studio` is not installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise StyleClipError(f"the studio needs {', '.join(missing)}; run pip install 'styleclip[studio]'")


def load_choices(common: CommonOptions) -> dict[str, Any]:
    """The options beside --model that were given, for the lines that the page writes."""
    choices = {name: getattr(common, name) for name in ("clip", "label", "device", "dtype")}
    return {name: value for name, value in choices.items() if value not in (None, "auto")}


def read_image(engine: Engine, path: Path) -> Upload:
    """The photo and its faces; raises PhotoError."""
    from styleclip.studio.sessions import Upload

    try:
        data = path.read_bytes()
    except OSError as error:
        raise PhotoError(f"cannot read {path}: {error.strerror}; pass another photo") from error
    photo = engine.finder.submit(data, path.name).result()
    return Upload(photo.sha256, path.name, "photo", data, photo)


def open_browser(url: str) -> Thread:
    """Open the browser of the desktop, in a thread as that may take seconds."""
    import threading
    import webbrowser

    thread = threading.Thread(target=webbrowser.open, args=(url,), daemon=True)
    thread.start()
    return thread


def has_display() -> bool:
    """Whether a browser can open a window; elsewhere one for the terminal would take it over."""
    names = (os.environ.get("BROWSER"), os.environ.get("DISPLAY"), os.environ.get("WAYLAND_DISPLAY"))
    return sys.platform in ("darwin", "win32") or any(names)
