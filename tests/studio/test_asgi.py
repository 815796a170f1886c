"""The ASGI app for servers of others, the lines of docs/studio.md, and the Dockerfile."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch

import click
import pytest

from styleclip.cli import main
from styleclip.studio import asgi
from styleclip.studio.web.server import STATIC
from tests.helpers.studio_client import StudioClient
from tests.helpers.support import ROOT
from tests.helpers.tiny import tiny_models

PAGE = (ROOT / "docs" / "studio.md").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
IGNORED = (ROOT / ".dockerignore").read_text().split()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment without settings of the studio, and models that need no file."""
    for name in ("MODEL", "TOKEN", "HOSTS"):
        monkeypatch.delenv(f"STYLECLIP_STUDIO_{name}", raising=False)
    monkeypatch.setattr(asgi, "load", lambda name, **_: tiny_models(provenance={"generator": {"network": name}}))
    asgi.environment_app.cache_clear()
    yield monkeypatch
    asgi.environment_app.cache_clear()


def test_the_app_is_made_once(environment: pytest.MonkeyPatch) -> None:
    app = asgi.app
    with StudioClient(app) as client:
        about = client.get("/api/about").json()
        assert asgi.app is app and about["model"]["name"] == about["model"]["fingerprint"] == "demo"
        assert client.get("/", headers={"Host": "faces.example.org"}).status_code == 403
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        asgi.nothing  # noqa: B018


def test_the_environment_decides(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("STYLECLIP_STUDIO_MODEL", "mine")
    environment.setenv("STYLECLIP_STUDIO_HOSTS", " Faces.example.org ,b.example,")
    with StudioClient(asgi.app) as client:
        assert client.get("/api/about", headers={"Host": "faces.example.org"}).json()["model"]["name"] == "mine"
    asgi.environment_app.cache_clear()
    environment.setenv("STYLECLIP_STUDIO_TOKEN", "my own token")
    with StudioClient(asgi.app) as client:
        assert client.get("/").status_code == 401
        assert client.get("/", params={"token": "my own token"}).status_code == 200


def test_the_python_of_the_page_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    [block] = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    monkeypatch.setattr("styleclip.load", lambda name: tiny_models())
    names: dict[str, object] = {}
    exec(block, names)
    assert StudioClient(names["app"]).get("/", headers={"Host": "faces.example.org"}).status_code == 200  # type: ignore[arg-type]


def test_the_variables_of_the_page_are_read() -> None:
    assert set(re.findall(r"STYLECLIP_STUDIO_\w+", PAGE)) == {
        f"STYLECLIP_STUDIO_{n}" for n in ("MODEL", "TOKEN", "HOSTS")
    }


def docker(word: str) -> list[str]:
    """The arguments of all lines that begin with a word; Docker itself is not run."""
    lines = DOCKERFILE.replace("\\\n", " ").splitlines()
    return [line.removeprefix(word).strip() for line in lines if line.startswith(word + " ")]


def test_the_command_of_the_image_is_one_of_ours() -> None:
    [words] = map(json.loads, docker("CMD"))
    assert words[0] == "styleclip"
    command = main.get_command(click.Context(main), words[1])
    assert command is not None
    values = command.make_context("studio", words[2:]).params
    assert (values["host"], values["no_browser"]) == ("0.0.0.0", True)
    assert docker("EXPOSE") == [str(values["port"])]
    [check] = docker("HEALTHCHECK CMD")
    assert f"http://127.0.0.1:{values['port']}/healthz" in json.loads(check)[-1]
    assert f"-p 127.0.0.1:{values['port']}:{values['port']} " in DOCKERFILE and DOCKERFILE.count("USER studio") == 1
    compile(json.loads(check)[-1], "HEALTHCHECK", "exec")


def test_the_image_has_all_that_the_package_is_built_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    [base] = docker("FROM")
    least = project["project"]["requires-python"].removeprefix(">=")
    assert base.startswith(f"python:{least}-") and "studio" in project["project"]["optional-dependencies"]
    assert "'/src[studio]'" in docker("RUN")[1] and docker("COPY") == [". /src"]
    needed = [
        "pyproject.toml",
        "setup.py",
        "README.md",
        "LICENSE",
        "styleclip",
        "cuda_ops",
        "checkpoints",
        "MANIFEST.in",
    ]
    assert all((ROOT / name).exists() for name in needed)
    assert not [name for name in needed if any(fnmatch(name, pattern) for pattern in IGNORED)]


def test_every_file_of_the_page_is_installed() -> None:
    """`setup.py` names them all, and so does the source distribution."""
    assert '"styleclip.studio": ["static/**/*"]' in (ROOT / "setup.py").read_text()
    assert "recursive-include styleclip/studio/static *" in (ROOT / "MANIFEST.in").read_text()
    assert (STATIC / "enter.js").is_file() and not list(STATIC.rglob("*.py"))
