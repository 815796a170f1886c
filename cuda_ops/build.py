"""Builds the compiled kernels. Only `build` compiles; import and first use never do.

Two plain shared libraries, so that trouble with CUDA does not cost the CPU its kernels:

    cpu     csrc/*.cpp and csrc/cpu/    the operations, and their kernels for the CPU
    cuda    csrc/cuda/                  their kernels for CUDA; loaded after `cpu`

A library carries in its name the version of torch and a hash of all that went into it, so one that no longer fits is
not found. This file imports nothing of the package: `setup.py` loads it by its path.
"""

import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import torch

TARGETS = ("cpu", "cuda")
SOURCES = Path(__file__).with_name("csrc")
SUFFIXES = (".cpp", ".cu", ".h")
DEFAULT_TOOLKIT = Path("/usr/local/cuda")  # of NVIDIA's installer; tried last

# errno and floating point traps are never read; the numbers stay those of IEEE arithmetic
FLAGS = ("-O3", "-fno-math-errno", "-fno-trapping-math")
CPU_LEVELS = {  # as torch.backends.cpu.get_cpu_capability() calls them; a CPU also runs what is built for a level below
    "AVX512": ("-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx2", "-mfma", "-mf16c"),
    "AVX2": ("-mavx2", "-mfma", "-mf16c"),
    "DEFAULT": (),
}
CUDA_FLAGS = ("-O3",)
ARCHITECTURES = (75, 80, 86, 89, 90, 100)  # compute capabilities times ten; later GPUs compile the last one's PTX

LOAD_SCRIPT = "import json, sys; from torch.utils.cpp_extension import load; load(**json.load(sys.stdin))"


class BuildError(RuntimeError):
    """A library cannot be built: the message is one sentence, `output` the whole output of the compiler."""

    def __init__(self, sentence: str, output: str = "") -> None:
        super().__init__(sentence)
        self.output = output


def build(target: str, folder: Path, portable: bool = False) -> Path:
    """Compile the library of `target` into `folder` and return its path.

    A `portable` library needs at most AVX2. It is compiled in a folder for the user alone and renamed, so the file is
    whole also where a build is interrupted or runs twice at once. Raises BuildError with the missing requirement, or
    with the compiler's first error.
    """
    if reason := why_cannot_build(target):
        raise BuildError(reason)
    folder = folder.absolute()
    level = cpu_levels(target, "AVX2" if portable else "AVX512")[0]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=folder, ignore_cleanup_errors=True) as scratch:
            built = _compile(target, level, Path(scratch))
            built.chmod(0o755)  # whatever the umask
            return built.replace(folder / library_name(target, level))
    except OSError as error:
        raise BuildError(unwritable_message(folder, error)) from error


def unwritable_message(folder: Path, error: OSError) -> str:
    return f"cannot write to {folder}: {error.strerror}; set CUDA_OPS_CACHE to another folder"


def why_cannot_build(target: str) -> str | None:
    """The requirement that a build of `target` lacks on this machine, with its remedy; None where all are met."""
    compiler = _compiler()[0]
    if sys.platform == "win32":
        return "the compiled kernels are for Linux and macOS; on Windows use WSL"
    if find_program(compiler) is None:
        return f"there is no C++ compiler {compiler}; install one, for example with `apt install g++`, or set CXX"
    if find_program("ninja") is None:
        return "there is no ninja; run `pip install ninja`"
    return _why_cannot_build_cuda() if target == "cuda" else None


def _why_cannot_build_cuda() -> str | None:
    if torch.version.cuda is None:
        return f"torch {torch.__version__} is built without CUDA; install a CUDA build of torch"
    major = torch.version.cuda.split(".")[0]
    top = cuda_toolkit()
    if top is None:
        return f"there is no CUDA toolkit; install version {major} of it, or set CUDA_HOME to its folder"
    version = re.search(r"release (\d+)\.\d+", _run_quiet(top / "bin" / "nvcc", "--version"))
    if version is None or version[1] != major:
        found = f"of version {version[1]}" if version else "without a working nvcc"
        return f"{top} is a CUDA toolkit {found}, and torch needs version {major}; set CUDA_HOME to such a one"
    return None


def cuda_toolkit() -> Path | None:
    """The folder of the CUDA toolkit: CUDA_HOME or CUDA_PATH, else that of the `nvcc` on PATH, else DEFAULT_TOOLKIT.

    None where the folder has no `bin/nvcc`.
    """
    named = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    top = Path(named or _nvcc_toolkit() or DEFAULT_TOOLKIT).resolve()
    return top if (top / "bin" / "nvcc").is_file() else None


def _nvcc_toolkit() -> Path | None:
    """The folder that the `nvcc` on PATH prints as its TOP; the program itself is often a link or a wrapper script."""
    nvcc = find_program("nvcc")
    if nvcc is None:
        return None
    said = re.search(r"^#\$ TOP=(.+)$", _run_quiet(nvcc, "--dryrun", "-x", "cu", os.devnull), re.MULTILINE)
    return Path(said[1].strip()) if said else Path(nvcc).resolve().parents[1]


def _compiler() -> list[str]:
    return shlex.split(os.environ.get("CXX") or "c++")


def find_program(program: str) -> str | None:
    """The path of a program on PATH, else beside this Python, where ninja is when no environment is activated."""
    return shutil.which(program, path=_search_path())


def _search_path() -> str:
    folders = [*os.environ.get("PATH", os.defpath).split(os.pathsep), sysconfig.get_path("scripts")]
    return os.pathsep.join(filter(None, folders))


def cpu_levels(target: str, highest: str = "AVX512") -> list[str]:
    """The levels of `LEVELS`, at most `highest`, whose code runs on this CPU, best first."""
    names = list(CPU_LEVELS)
    capability = torch.backends.cpu.get_cpu_capability()
    if target == "cuda" or capability not in names:  # the kernels of `cuda` do not run on the CPU
        return ["DEFAULT"]
    return names[max(names.index(capability), names.index(highest)) :]


def library_name(target: str, level: str) -> str:
    """`cpu-2.14.1+cu130-0123456789ab.so`; the hash is of the sources, the flags and the kind of machine."""
    parts = [torch.__version__, torch.version.cuda, sys.platform, platform.machine(), *FLAGS, *CPU_LEVELS[level]]
    key = hashlib.sha256(json.dumps([*parts, *CUDA_FLAGS] if target == "cuda" else parts).encode())
    for path in sorted([*SOURCES.iterdir(), *(SOURCES / target).iterdir()]):
        if path.suffix in SUFFIXES:
            key.update(path.name.encode() + path.read_bytes())
    return f"{target}-{torch.__version__}-{key.hexdigest()[:12]}.so"


def _compile(target: str, level: str, scratch: Path) -> Path:
    """Run torch's loader in a subprocess, so that its environment and the loaded library do not reach this one."""
    top = cuda_toolkit() if target == "cuda" else None
    sources = [*SOURCES.glob("cuda/*.cu"), *SOURCES.glob("cuda/*.cpp")] if top else [_cpu_source(scratch)]
    request = {
        "name": f"cuda_ops_{target}",
        "sources": sorted(map(str, sources)),
        "extra_cflags": [*FLAGS, *CPU_LEVELS[level], *_openmp_flags()],
        "extra_cuda_cflags": [*CUDA_FLAGS, *_architecture_flags(top)] if top else [],
        "extra_include_paths": [str(SOURCES), *_cuda_include_paths(top)] if top else [str(SOURCES)],
        "build_directory": str(scratch),
        "with_cuda": top is not None,
        "is_python_module": False,
    }
    environment = os.environ | {"PATH": _search_path(), "LC_ALL": "C", "TMPDIR": str(scratch)}
    environment |= {"CUDA_HOME": str(top)} if top else {}
    status, output = _run([sys.executable, "-P", "-c", LOAD_SCRIPT], json.dumps(request), environment)
    built = scratch / f"cuda_ops_{target}.so"
    if status != 0 or not built.is_file():
        raise BuildError(f"the {target} kernels do not compile: {_first_error(output)}", output)
    return built


def _cpu_source(scratch: Path) -> Path:
    """The sources of the CPU library as one, so that the headers of torch, most of the work, are read once."""
    sources = sorted([*SOURCES.glob("*.cpp"), *SOURCES.glob("cpu/*.cpp")])
    whole = scratch / "cpu.cpp"
    whole.write_text("".join(f'#include "{source.relative_to(SOURCES).as_posix()}"\n' for source in sources))
    return whole


def _openmp_flags() -> list[str]:
    """The OpenMP flag of GCC. libgomp is not linked: beside torch's own OpenMP, a second would oversubscribe the CPU.

    With clang there are no threads, because its OpenMP calls do not resolve to torch's libgomp.
    """
    return [] if "clang" in _run_quiet(*_compiler(), "--version") else ["-fopenmp"]


def _architecture_flags(top: Path) -> list[str]:
    """Flags for `ARCHITECTURES` and the GPUs present, as far as nvcc supports them; none with TORCH_CUDA_ARCH_LIST."""
    if os.environ.get("TORCH_CUDA_ARCH_LIST"):
        return []  # torch's loader reads it
    here = [torch.cuda.get_device_capability(i) for i in range(torch.cuda.device_count())]
    listed = _run_quiet(top / "bin" / "nvcc", "--list-gpu-arch")
    known = {int(number) for number in re.findall(r"compute_(\d+)\s", listed)}
    chosen = sorted({*ARCHITECTURES, *(10 * major + minor for major, minor in here)} & known)
    last = [f"-gencode=arch=compute_{chosen[-1]},code=compute_{chosen[-1]}"] if chosen else []
    return [f"-gencode=arch=compute_{number},code=sm_{number}" for number in chosen] + last


def _cuda_include_paths(top: Path) -> list[str]:
    """Include folders that torch's loader does not add: those of a conda toolkit, under targets/."""
    if (top / "include" / "cuda_runtime.h").is_file():
        return []
    return sorted(map(str, top.glob("targets/*/include")))


def _run_quiet(*command: str | Path) -> str:
    """The output of a program, or the error where it cannot be started; its exit status is ignored."""
    try:
        return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout
    except OSError as error:
        return str(error)


def _run(command: list[str], text: str, environment: dict[str, str]) -> tuple[int, str]:
    """Exit status and output. The command gets a process group, so that an interrupt also ends its compilers."""
    pipe, merged = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(command, env=environment, process_group=0, stdin=pipe, stdout=pipe, stderr=merged) as child:
        try:
            output, _ = child.communicate(text.encode())
        except BaseException:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()
            raise
    return child.returncode, output.decode(errors="replace")


def _first_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = re.compile(r"\b(error|fatal)\b|undefined (reference|symbol)|cannot find -l")
    return next(filter(errors.search, lines), lines[-1] if lines else "the compiler said nothing")
