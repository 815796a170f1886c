"""Bytes that the page sends: read within limits, named without paths; and the files of directions and mappers."""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote

from starlette.requests import Request

from styleclip.errors import WeightError
from styleclip.methods.mapper import load_trained_mapper
from styleclip.models import Models
from styleclip.studio.drawing.directions import FileDirections
from styleclip.studio.sessions import Upload
from styleclip.studio.web.security import Refusal
from styleclip.text.names import folder_name
from styleclip.weights.formats.registry import read_all

MIB = 1 << 20
MAX_PHOTO_BYTES = 64 * MIB
MAX_FILE_BYTES = 64 * MIB
MAX_STATE_BYTES = MIB
MAX_DISCARDED_BYTES = 256 * MIB  # of an upload that is too large: read to its end, so that the browser sees the answer
MAX_READERS = 8  # large uploads that are read at once; the others wait
CHUNK_SECONDS, BODY_SECONDS = 30.0, 600.0  # for the next bytes of an upload, and for all of them
MAX_HEADER_CHARS = 8000
MAX_STEM_CHARS, MAX_SUFFIX_CHARS = 60, 12


class BodyReader:
    """Reads the bodies of requests, each up to a limit of bytes.

    MAX_READERS of more than MAX_STATE_BYTES are read at once; small ones wait for nobody.
    """

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(MAX_READERS)

    async def read(self, request: Request, most: int) -> bytes:
        """The body of a request. Raises Refusal for one of more than `most` bytes, and for one that does not come."""
        length = request.headers.get("content-length", "")
        is_too_large = length.isdecimal() and int(length) > most
        content, total = bytearray(), 0
        async with AsyncExitStack() as place, _deadline(BODY_SECONDS):
            chunks = request.stream().__aiter__()
            while (chunk := await _next_chunk(chunks)) is not None:
                if total <= MAX_STATE_BYTES < total + len(chunk):
                    await place.enter_async_context(self._free)
                total += len(chunk)
                is_too_large = is_too_large or total > most
                if is_too_large and total > MAX_DISCARDED_BYTES:
                    break
                if not is_too_large:
                    content += chunk
        if is_too_large:
            limit = f"the file has more than {most // MIB} MiB; send a smaller one"
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, limit)
        return bytes(content)


async def _next_chunk(chunks: AsyncIterator[bytes]) -> bytes | None:
    """The next chunk of a body; None at its end. Raises Refusal where none comes in time."""
    async with _deadline(CHUNK_SECONDS):
        return await anext(chunks, None)


@asynccontextmanager
async def _deadline(seconds: float) -> AsyncIterator[None]:
    """Raise Refusal where the block takes longer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Refusal(HTTPStatus.REQUEST_TIMEOUT, "the upload stopped in the middle; send it again") from None


def client_name(request: Request, otherwise: str) -> str:
    """The name of an uploaded file (X-Name, percent-encoded), without folders and fit for a file on any system."""
    given = unquote(request.headers.get("x-name", "")[:MAX_HEADER_CHARS])
    last = re.split(r"[/\\]", given)[-1]
    stem, dot, suffix = last.rpartition(".")
    if not stem or len(suffix) > MAX_SUFFIX_CHARS:
        stem, dot, suffix = last, "", ""
    return folder_name(f"{stem[:MAX_STEM_CHARS]}{dot}{suffix}", otherwise)


def read_file_upload(models: Models, data: bytes, name: str) -> Upload:
    """The direction or mapper in the bytes of a file; raises WeightError that begins with its name.

    It is written to a folder of its own under its name, because readers of weight files take paths. Nothing in it runs.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="styleclip-studio-") as folder:
            path = Path(folder) / name
            path.write_bytes(data)
            return _read_file(models, data, path)
    except OSError as error:
        reason = f"the studio cannot keep it for the moment of reading ({error.strerror})"
        raise WeightError(f"{name}: {reason}; free some space, or start the studio with another TMPDIR") from error


def _read_file(models: Models, data: bytes, path: Path) -> Upload:
    try:
        is_mapper = _holds_mapper(path)
        value = load_trained_mapper(path, models) if is_mapper else FileDirections.read(path, models)
    except WeightError as error:
        raise WeightError(str(error).replace(str(path), path.name)) from error
    return Upload(hashlib.sha256(data).hexdigest(), path.name, "mapper" if is_mapper else "direction", data, value)


def _holds_mapper(path: Path) -> bool:
    """Whether a file holds a mapper; of one that cannot be read, the reader of directions says why."""
    try:
        return any(content.kind == "mapper" for content in read_all(path))
    except WeightError:
        return False
