"""A server with files of repositories, which answers as the Hugging Face Hub does."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

COMMITS = {"main": "a" * 40, "v1": "b" * 40}  # revision -> commit, of every repository
TOKEN = "hf_secretsecretsecret"


class HubServer(ThreadingHTTPServer):
    """Files by `owner/repo/file`; the same ones at every revision, unless they stand under `...@commit`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.files: dict[str, bytes] = {}
        self.etags: dict[str, str] = {}
        self.gated: set[str] = set()
        self.requests: list[tuple[str, str, str | None]] = []  # method, path, authorization
        self.broken = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """A client that went away is no news."""


@contextmanager
def running_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A running server, which huggingface_hub takes for the Hub, with a cache in `folder` and a user with a token."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "no token"))
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


class HubHandler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(b"")

    def do_GET(self) -> None:
        self.answer(None)

    def answer(self, body: bytes | None) -> None:
        """Answer `/[datasets/]owner/repo/resolve/revision/file`; `body` replaces the content."""
        self.server.requests.append((self.command, self.path, self.headers["Authorization"]))
        found = re.fullmatch(r"/((?:datasets/)?[^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
        if self.server.broken or not found:
            return self.refuse(500 if self.server.broken else 404, "")
        repository, revision, name = found.groups()
        if not any(each.startswith(f"{repository}/") for each in self.server.files):
            return self.refuse(401, "RepoNotFound")
        if repository in self.server.gated:
            return self.refuse(403, "GatedRepo")
        commit = COMMITS.get(revision, revision)
        if commit not in COMMITS.values():
            return self.refuse(404, "RevisionNotFound")
        key = f"{repository}/{name}"
        content = self.server.files.get(f"{key}@{commit}", self.server.files.get(key))
        if content is None:
            return self.refuse(404, "EntryNotFound", commit)
        etag = self.server.etags.get(key, hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest())
        self.send_response(200)
        for header, value in {"X-Repo-Commit": commit, "ETag": f'"{etag}"', "Content-Length": len(content)}.items():
            self.send_header(header, str(value))
        self.end_headers()
        self.wfile.write(content if body is None else body)

    def refuse(self, status: int, code: str, commit: str = "") -> None:
        self.send_response(status)
        for header, value in {"X-Error-Code": code, "X-Repo-Commit": commit, "Content-Length": "0"}.items():
            if value:
                self.send_header(header, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""
