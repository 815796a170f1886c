"""`styleclip models list`: tables of the models and files of the catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from styleclip.cli.options.option import option
from styleclip.cli.output.printing import print_json, print_lines
from styleclip.cli.output.tables import json_option, table
from styleclip.errors import UsageError
from styleclip.text.units import human_bytes

if TYPE_CHECKING:
    from styleclip.weights.catalog import Weight

MODELS_TITLE = "Models, for `--model NAME`: a generator with the CLIP and the identity network that suit it"
FILES_TITLE = "Files, for `styleclip models pull NAME`; generators for `--model NAME` too, CLIPs for `--clip NAME`"
LEGEND = (
    "",
    "* is on this disk. A size that is not given is not published. Licences are in short here;",
    "`styleclip models list --json` has all of them, and each is shown before its download.",
)


@click.command("list")
@option("--kind", metavar="KIND", help="Only files of this kind, e.g. generator.")
@json_option
def list_(kind: str | None, as_json: bool) -> None:
    """List the models and the files that have a name."""
    from styleclip.weights.catalog import catalog, is_on_disk, weight_records, weights

    kinds = list(dict.fromkeys(weight.kind for weight in weights().values()))
    if kind not in (None, *kinds):
        raise UsageError(f"no file is of the kind {kind!r}; choose one of {', '.join(kinds)}")
    files = [weight for weight in weights().values() if kind in (None, weight.kind)]
    bundles = {} if kind else catalog()["models"]
    present = {name: is_on_disk(bundle) for name, bundle in bundles.items()}
    if as_json:
        named = [{"name": name, **bundle, "present": present[name]} for name, bundle in bundles.items()]
        print_json({"models": named, "files": weight_records(files)})
    else:
        print_lines(*(_model_lines(bundles, present) if bundles else []), *_file_lines(files))


def _model_lines(bundles: Mapping[str, Mapping[str, Any]], present: Mapping[str, bool]) -> list[str]:
    rows = [("  NAME", "CLIP", "IDENTITY", "WHAT")]
    for name, entry in bundles.items():
        clip = "its own" if entry["clip"].endswith(".safetensors") else entry["clip"]
        rows.append((_name_with_mark(name, present[name]), clip, entry["identity"], entry["what"]))
    return [MODELS_TITLE, *table(rows, wrap=True), ""]


def _file_lines(files: Sequence[Weight]) -> list[str]:
    from styleclip.weights.catalog import short_licence

    rows = [("  NAME", "KIND", "PX", "SIZE", "LICENCE", "WHAT")]
    for weight in files:
        numbers = (str(weight.resolution or ""), human_bytes(weight.size) if weight.size else "")
        name = _name_with_mark(weight.name, weight.on_disk is not None)
        rows.append((name, weight.kind, *numbers, short_licence(weight.licence), weight.what))
    return [FILES_TITLE, *table(rows, wrap=True), *LEGEND]


def _name_with_mark(name: str, on_disk: bool) -> str:
    return f"{'*' if on_disk else ' '} {name}"
