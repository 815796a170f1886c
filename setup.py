"""The packages; everything else stands in pyproject.toml.

`checkpoints/` lies at the top of the repository and is installed as data of `styleclip`, so that the demo models work
wherever the package is. The kernels of `cuda_ops` are installed as sources, for `styleclip doctor --build`;

    STYLECLIP_BUILD_OPS=1 pip install --no-build-isolation .

compiles them now and installs the libraries too: for the torch that is installed, and for any CPU of this kind with
AVX2, if the one that compiles has it. Where CUDA can be compiled for, it is; `STYLECLIP_BUILD_OPS=cuda` insists on it.
"""

import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from setuptools import Distribution, find_packages, setup
from setuptools.command.build_py import build_py

WANTED = os.environ.get("STYLECLIP_BUILD_OPS", "")


class BuildWithOps(build_py):
    """Copies the packages, then puts the compiled libraries beside them."""

    def run(self) -> None:
        super().run()
        if WANTED not in ("", "0"):
            build_ops(Path("." if self.editable_mode else self.build_lib, "cuda_ops", "lib"))


class DistributionWithOps(Distribution):
    """A wheel with compiled libraries is for one platform."""

    def has_ext_modules(self) -> bool:
        return WANTED not in ("", "0")


def build_ops(folder: Path) -> None:
    """Compile into `folder` what can be compiled here; end with a sentence where that is less than was asked for."""
    spec = spec_from_file_location("build_ops", Path(__file__).parent / "cuda_ops" / "build.py")
    ops = module_from_spec(spec)
    try:
        spec.loader.exec_module(ops)
        for target in ("cpu", "cuda"):
            if target == "cuda" and WANTED != "cuda" and (reason := ops.why_cannot_build(target)):
                print(f"the cuda kernels are not built: {reason}")
            else:
                print(f"built {ops.build(target, folder, portable=True)}")
    except ModuleNotFoundError as error:
        sys.exit(f"STYLECLIP_BUILD_OPS needs {error.name}: install torch and use `pip install --no-build-isolation`")
    except ops.BuildError as error:
        sys.exit(f"{error.output}\nSTYLECLIP_BUILD_OPS={WANTED}: {error}")


setup(
    packages=[*find_packages(include=["styleclip", "styleclip.*", "cuda_ops", "cuda_ops.*"]), "styleclip.checkpoints"],
    package_dir={"styleclip.checkpoints": "checkpoints"},
    package_data={
        "styleclip": ["alternatives.toml"],
        "styleclip.demo": ["wordings.toml"],
        "styleclip.evaluate.page": ["page.css"],
        "styleclip.studio": ["static/**/*"],
        "styleclip.checkpoints": ["*.toml", "**/*.safetensors", "**/*.json", "**/*.toml"],
        "cuda_ops": ["csrc/**/*"],
    },
    cmdclass={"build_py": BuildWithOps},
    distclass=DistributionWithOps,
)
