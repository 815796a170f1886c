"""Packs in repositories of the Hugging Face Hub: a folder with an index, `hf://OWNER/REPO[/FOLDER][@REVISION][:NAME]`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from styleclip.directions.pack_index import INDEX, check_key, parse_index
from styleclip.weights.cache import Fetch
from styleclip.weights.hub import HubFile, hub_origin, parse_hub_folder
from styleclip.weights.urls import weight_from_url


def hub_pack_file(url: str, fetch: Fetch) -> Path | None:
    """The file of one direction of a pack on the Hub, or the folder with all of them, fetched from one commit.

    None where the URL is not that of a folder. Raises WeightError where the repository has no index, and for a name
    that is not in it.
    """
    found = parse_hub_folder(url)
    if found is None:
        return None
    folder, key = found
    index = fetch(weight_from_url(_inside(folder, INDEX).url, "direction"))
    pinned = replace(folder, revision=hub_origin(index).get("commit", folder.revision))
    records = parse_index(index)
    if key is not None:
        check_key(url, key, records)
    wanted = [key] if key is not None else list(records)
    files = [fetch(weight_from_url(_inside(pinned, records[name]["file"]).url, "direction")) for name in wanted]
    return files[0] if key is not None else index.parent


def _inside(folder: HubFile, name: str) -> HubFile:
    return replace(folder, file=f"{folder.file}/{name}" if folder.file else name)
