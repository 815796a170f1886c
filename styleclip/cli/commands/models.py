"""`styleclip models`: the weights there are, the weights you have, and what is in a file."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from styleclip.cli.options.common import label_option, offline_option, quiet_option
from styleclip.cli.output.progress import fetch_with_progress
from styleclip.cli.output.tables import description, file_lines, model_lines, table
from styleclip.errors import UsageError, WeightError

if TYPE_CHECKING:
    from styleclip.weights.catalog import Weight

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")


@click.group()
def models() -> None:
    """List, fetch, look into, convert and check weight files.

    Nothing in a file is ever run.
    """


@models.command("list")
@click.option("--kind", metavar="KIND", help="Only files of this kind, e.g. generator.")
@json_option
def list_(kind: str | None, as_json: bool) -> None:
    """List the models and the files that have a name."""
    from styleclip.weights.catalog import catalog, weights

    kinds = list(dict.fromkeys(weight.kind for weight in weights().values()))
    if kind not in (None, *kinds):
        raise UsageError(f"no file is of the kind {kind!r}; choose one of {', '.join(kinds)}")
    files = [weight for weight in weights().values() if kind in (None, weight.kind)]
    bundles = {} if kind else catalog()["models"]
    here = {name: _is_on_disk(bundle) for name, bundle in bundles.items()}
    if as_json:
        named = [{"name": name, **bundle, "present": here[name]} for name, bundle in bundles.items()]
        _print_json({"models": named, "files": _records(files)})
    else:
        click.echo("\n".join((model_lines(bundles, here) if bundles else []) + file_lines(files)))


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@offline_option
@quiet_option
@json_option
def pull(names: tuple[str, ...], offline: bool, quiet: bool, as_json: bool) -> None:
    """Download the files of these names or URLs, check them, and print where they lie.

    The licence of each is shown before its download. What is here already is not downloaded again, and what broke off
    is continued.
    """
    from styleclip.weights.cache import is_url, weight_from_url
    from styleclip.weights.catalog import weight

    chosen = [weight_from_url(name) if is_url(name) else weight(name) for name in names]
    for each in chosen:
        path = fetch_with_progress(each, offline, quiet)
        if not as_json:
            click.echo(path)
    if as_json:
        _print_json(_records(chosen))


@models.command()
@click.argument("file", metavar="FILE")
@json_option
def inspect(file: str, as_json: bool) -> None:
    """Say what is in FILE: format, dimensions, parameters, hash and licence.

    FILE may also be a name or URL whose file is on this disk; a model's name stands for its generator.
    """
    from styleclip.weights.describe import describe

    path = _file_on_disk(file)
    found = {**describe(path), "catalog": _catalog_entry(path)}
    if as_json:
        _print_json(found)
    else:
        click.echo("\n".join(description(found)))


@models.command()
@click.argument("source", metavar="IN")
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=click.Choice(["styleclip", "rosinality", "nvidia"]),
    help="The format of OUT.  [default: styleclip for .safetensors, rosinality for .pt]",
)
@click.option("--dtype", type=click.Choice(["float32", "float16"]), default="float32", help="The precision of OUT.")
@label_option
@click.option("--overwrite", is_flag=True, help="Replace OUT.")
@offline_option
@quiet_option
@json_option
def convert(
    source: str,
    out: Path,
    to: Literal["styleclip", "rosinality", "nvidia"] | None,
    dtype: str,
    label: int | None,
    overwrite: bool,
    offline: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write the generator of IN to OUT in another format.

    IN is a file in any format that styleclip reads, a name (`styleclip models list`) or a URL. Before OUT appears,
    faces are rendered from both files and compared.

    \b
    styleclip   .safetensors  what styleclip itself writes
    rosinality  .pt           g_ema and latent_avg, for StyleCLIP, e4e, pSp and StyleGAN-NADA
    nvidia      .pt           a state dict of the Generator in stylegan2-ada-pytorch and stylegan3
    """
    import torch

    from styleclip.weights.convert import convert as write

    fetch = functools.partial(fetch_with_progress, offline=offline, quiet=quiet)
    done = write(source, out, to, getattr(torch, dtype), label, overwrite, fetch)
    if as_json:
        _print_json(done)
        return
    same = f"differ by at most {done.difference:.2g}, where black is -1 and white is 1"
    if not done.difference:
        same = "are the same to the last bit"
    click.echo(f"{done.path}\n{done.format}, {done.dtype}: {done.images} faces rendered from both files {same}")


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@json_option
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Compare files with the sizes and hashes known of them.

    Without a NAME, all files that are on this disk. Exit code 1 when one is wrong or absent.
    """
    from styleclip.weights.cache import check
    from styleclip.weights.catalog import weight, weights

    chosen = [weight(name) for name in names] or [each for each in weights().values() if each.path.exists()]
    verdicts = {each.name: check(each) for each in chosen}
    if as_json:
        _print_json([record | {"verdict": verdicts[record["name"]]} for record in _records(chosen)])
    else:
        click.echo("\n".join(table(verdicts.items())))
    if not all(verdict.startswith("ok") for verdict in verdicts.values()):
        click.get_current_context().exit(1)


def _file_on_disk(name: str) -> Path:
    """The file of a model's generator or of a weight, by name or URL, that is on this disk; else `name` is a path."""
    from styleclip.weights.cache import is_url, weight_from_url
    from styleclip.weights.catalog import catalog, weights
    from styleclip.weights.models import generator_file

    if name in catalog()["models"]:
        return generator_file(name, _require_on_disk)
    if name in weights() or is_url(name):
        return _require_on_disk(weight_from_url(name) if is_url(name) else weights()[name])
    return Path(name)


def _require_on_disk(weight: Weight) -> Path:
    """Stands for `fetch` where nothing shall be fetched."""
    if not weight.path.exists():
        raise WeightError(f"{weight.name} is not on this disk; run `styleclip models pull {weight.name}`")
    return weight.path


def _catalog_entry(path: Path) -> dict[str, Any] | None:
    """What the catalog says of this file, if it is one of its files."""
    from styleclip.weights.catalog import weights

    known = [weight for weight in weights().values() if weight.path.resolve() == path.resolve()]
    return _records(known)[0] if known else None


def _records(weights: Sequence[Weight]) -> list[dict[str, Any]]:
    return [{**vars(weight), "path": weight.path, "present": weight.path.exists()} for weight in weights]


def _is_on_disk(bundle: dict[str, Any]) -> bool:
    """Whether the generator and the identity network of a model are on this disk; its CLIP open_clip may have."""
    from styleclip.weights.catalog import weights

    return all(weights()[bundle[part]].path.exists() for part in ("generator", "identity") if bundle[part] in weights())


def _print_json(value: object) -> None:
    from styleclip.files import to_json

    click.echo(to_json(value), nl=False)
