"""The packages; everything else stands in pyproject.toml.

`checkpoints/` lies at the top of the repository and is installed as data of `styleclip`, so that the demo models work
wherever the package is.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["styleclip", "styleclip.*", "cuda_ops", "cuda_ops.*"]), "styleclip.checkpoints"],
    package_dir={"styleclip.checkpoints": "checkpoints"},
    package_data={
        "styleclip.checkpoints": ["*.toml", "**/*.safetensors", "**/*.json", "**/*.toml"],
        "cuda_ops": ["csrc/*"],
    },
)
