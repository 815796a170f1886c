"""URLs of weights: which ones are taken, the weight at one, and how they are shown without passwords and tokens."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import url2pathname

from styleclip.errors import WeightError
from styleclip.storage.recording import InputFile
from styleclip.weights.catalog import Weight
from styleclip.weights.hub import SCHEME, hub_weight

DRIVE_URL = "https://drive.usercontent.google.com/download?id={}&export=download&confirm=t"
PUBLIC_PARAMETERS = ("id", "export", "confirm")  # of Google Drive; values of others may be secret


def is_url(name: str) -> bool:
    """Whether this is a URL, of a scheme of two letters or more; `weight_from_url` takes http, https, hf and file."""
    return re.match(r"[a-z][a-z0-9+.-]+://", name, re.I) is not None


def weight_from_url(url: str, kind: str = "generator") -> Weight:
    """The weight at a URL that is not in the catalog. Share links of Google Drive become direct links.

    Raises WeightError for a URL that cannot be read, of another scheme than http, https, hf and file, or of no file
    here.
    """
    if url.lower().startswith(SCHEME):
        return hub_weight(SCHEME + url[len(SCHEME) :], kind)
    shown = shown_url(url)
    try:
        parts = urlsplit(url)
        _ = parts.port  # which may be no number
        _check_host(parts)
    except ValueError as error:
        raise WeightError(f"{shown} cannot be read as a URL ({error}); check it") from error
    if parts.scheme == "file":
        path = url2pathname(parts.path)
        if parts.netloc not in ("", "localhost") or not os.path.isfile(path):
            raise WeightError(f"there is no file {path}; check the URL {shown}")
        return Weight(shown, kind, what=shown, licence="yours", file=path, urls=(url,))  # absolute: not in the cache
    if parts.scheme not in ("http", "https"):
        raise WeightError(f"{shown} is not fetched, only http and https are; download it and pass the file")
    shared = re.match(r"https://drive\.google\.com/(?:file/d/|(?:uc|open)\?(?:.*&)?id=)([\w-]+)", url)
    source = DRIVE_URL.format(shared[1]) if shared else url
    name = re.sub(r"[^\w.-]+", "_", unquote(re.sub(r";[^/]*", "", parts.path)).rpartition("/")[2])[-60:]
    file = f"{hashlib.sha256(source.encode(errors='surrogateescape')).hexdigest()[:12]}-{name}"
    return Weight(shown, kind, what=shown, licence="unknown, ask its author", file=file, urls=(source,))


def _check_host(parts: SplitResult) -> None:
    """Raise ValueError for a host that no computer can have."""
    if parts.scheme not in ("http", "https"):
        return
    if not parts.hostname:
        raise ValueError("it names no host")
    try:
        host = parts.hostname.encode("idna")
    except UnicodeError as error:
        raise ValueError("a part of its host is empty or too long") from error
    if re.search(rb"[\s\0-\x20]", host):
        raise ValueError("its host has a blank")


def shown_url(url: str) -> str:
    """A URL as messages show it: without user and password, and without the values of parameters, which may be keys.

    Parameters are those of the query and those after a semicolon in the path (RFC 3986, section 3.3).
    """
    before, mark, query = re.sub(r"(?<=://)[^/?#]*@", "", url.partition("#")[0]).partition("?")
    before = re.sub(r";([^/;]*)", lambda found: ";" + _shown_parameter(found[1]), before)
    return before + mark + "&".join(map(_shown_parameter, query.split("&") if query else ()))


def _shown_parameter(parameter: str) -> str:
    name, equals, value = parameter.partition("=")
    if not equals:
        return "..."
    return f"{name}={value if name in PUBLIC_PARAMETERS else '...'}" if value else name


def input_name(name: str | Path) -> str:
    """The text of a record for a name, a file or a URL: a file by its name, a URL as `shown_url` gives it."""
    text = str(name)
    if is_url(text):
        return PurePosixPath(urlsplit(text).path).name if text.lower().startswith("file:") else shown_url(text)
    return InputFile(name) if os.path.isfile(name) else text


def host_of(url: str) -> str:
    """The host and port of a URL, without user and password."""
    return urlsplit(url).netloc.rpartition("@")[2]


def hide_secrets(text: str, url: str) -> str:
    """A message about `url` from elsewhere, in which the URL is only as `shown_url` gives it."""
    shown = text.replace(url, shown_url(url))
    userinfo, query = urlsplit(url).netloc.rpartition("@")[0], urlsplit(url).query
    secrets = [userinfo, *userinfo.split(":", 1)[1:], query if shown_url(url).partition("?")[2] != query else ""]
    secrets += re.findall(r";[^/;=]*=?([^/;]*)", urlsplit(url).path)
    for secret in filter(None, secrets):
        shown = shown.replace(secret, "...")
    return shown
