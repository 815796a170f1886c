"""The studio for servers of others: `uvicorn styleclip.studio.asgi:app`, in one process.

| variable | value |
|---|---|
| `STYLECLIP_STUDIO_MODEL` | the generator, as for `styleclip studio --model`; by default demo |
| `STYLECLIP_STUDIO_TOKEN` | opens the studio by `/?token=...`; without it only this computer and the hosts below |
| `STYLECLIP_STUDIO_HOSTS` | names at which the studio is reached without a token, separated by commas; `*` for any |

The app is made when it is first asked for, so that importing this module loads no models.
"""

from __future__ import annotations

import functools
import os

from starlette.applications import Starlette

from styleclip.loading import load
from styleclip.runtime.devices import pick_device, pick_dtype
from styleclip.studio.engine import Engine
from styleclip.studio.web.security import Access
from styleclip.studio.web.server import create_app


def given_token() -> str | None:
    """The token in the environment; None where there is none."""
    return os.environ.get("STYLECLIP_STUDIO_TOKEN") or None


def given_hosts() -> tuple[str, ...]:
    names = os.environ.get("STYLECLIP_STUDIO_HOSTS", "").split(",")
    return tuple(name.strip().lower() for name in names if name.strip())


@functools.cache
def environment_app() -> Starlette:
    """The app that the environment describes."""
    name = os.environ.get("STYLECLIP_STUDIO_MODEL") or "demo"
    device = pick_device("auto")
    engine = Engine(load(name, device=device, dtype=pick_dtype("auto", device)), name)
    return create_app(engine, Access(given_token(), given_hosts()))


def __getattr__(name: str) -> Starlette:  # PEP 562
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return environment_app()
