"""Where the files that ship with the package lie."""

from __future__ import annotations

from pathlib import Path

from styleclip.errors import WeightError

PACKAGE = Path(__file__).parents[1]
ROOTS = (PACKAGE / "checkpoints", PACKAGE.parent / "checkpoints")  # in an installed wheel; in a source checkout


def checkpoint_path(name: str) -> Path:
    """The file or folder `name` of the checkpoints that ship with styleclip, e.g. `demo/generator.safetensors`.

    Raises WeightError where there is none.
    """
    for root in ROOTS:
        if (root / name).exists():
            return root / name
    raise WeightError(f"checkpoints/{name} did not come with this copy of styleclip; install it again")
