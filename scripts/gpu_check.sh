#!/usr/bin/env bash
# Build the kernels, test them and measure on a machine with a GPU, in under 9 minutes.
#
#     scripts/gpu_check.sh [FILE]      write the tables to FILE, benchmarks/gpu.md unless named
#
# Every part runs whatever became of those before it, and what was measured is written; the exit status is 1 when a part
# failed. PYTHON is the Python that runs everything. WHEELS is a folder of wheels that missing packages are installed
# from; parts for which some are missing still are left out.
set -uo pipefail

root=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/..")
report=$(realpath -m -- "${1:-$root/benchmarks/gpu.md}")
python=${PYTHON:-python3}
budget=530 # seconds of all parts together, by bash's clock SECONDS
failed=()
cd "$root" || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# say TEXT: a paragraph of the report
say() {
    printf '\n%s\n' "$1" | tee -a "$report"
}

# limited SECONDS COMMAND...: at most so long, and no longer than there is time for all
limited() {
    local seconds=$1 left=$((budget - SECONDS))
    shift
    if ((left <= 0)); then
        return 124
    fi
    timeout --kill-after=5 "$((left < seconds ? left : seconds))" "$@"
}

# part TITLE SECONDS COMMAND...: a section with what the command prints on its standard output
part() {
    local title=$1 seconds=$2 status
    shift 2
    say "## $title"
    limited "$seconds" "$@" </dev/null >"$scratch/out" 2> >(tee "$scratch/err" >&2)
    status=$?
    wait $! # for the last lines of errors
    if [[ -s $scratch/out ]]; then
        say "$(<"$scratch/out")"
    fi
    if ((status != 0)); then
        failed+=("$title")
        say "**Failed** with status $status (124 is out of time): \`$*\`: $(tail -n 1 "$scratch/err")"
    fi
}

# tests FILE_OR_OPTION...: the last line of pytest, in one process, which owns the GPU
tests() {
    local status
    "$python" -m pytest -q -o addopts=--strict-markers -p no:cacheprovider "$@" >"$scratch/tests"
    status=$?
    cat "$scratch/tests" >&2
    tail -n 1 "$scratch/tests"
    return "$status"
}

# has MODULE...: whether Python can import all of them
has() {
    "$python" -c 'import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]' "$@" 2>"$scratch/has"
}

# install MODULE PACKAGE: from WHEELS, where it is missing
install() {
    if has "$1" || [[ -z ${WHEELS:-} ]]; then
        return
    fi
    "$python" -m pip install --quiet --no-index --find-links "$WHEELS" "$2" </dev/null >&2
}

mkdir -p "$(dirname -- "$report")"
echo '# On a GPU' | tee "$report"
say "Written by \`scripts/gpu_check.sh\`. Convolutions in float32 use TF32 there, as torch has it."
if has_gpu=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null); then
    say "${has_gpu%%$'\n'*}."
fi
for missing in open_clip:open_clip_torch lpips:lpips facenet_pytorch:facenet-pytorch pytest:pytest; do
    install "${missing%%:*}" "${missing##*:}"
done
if ! has torch click safetensors; then
    say "Nothing can run: $(tail -n 1 "$scratch/has"); install it, or pass a folder of wheels as WHEELS."
    exit 1
fi

export -f tests
export python scratch STYLECLIP_OPS=auto
loads='import sys; from cuda_ops import unavailable_reason as reason; sys.exit(reason("cpu") or reason("cuda"))'
say "## Kernels"
limited 200 "$python" -m styleclip doctor --build </dev/null >"$scratch/doctor" # also says what else is missing
cat "$scratch/doctor"
if limited 60 "$python" -c "$loads" 2>"$scratch/err"; then
    say "Both libraries are built and load, after $SECONDS s."
else
    failed+=(Kernels)
    say "**Failed**: $(tail -n 1 "$scratch/err")"
fi

if has pytest; then
    mapfile -t marked < <(grep -rlE 'mark\.gpu\b' tests --include='test_*.py')
    part "Tests of the operations" 120 bash -c 'tests "$@"' _ tests/cuda_ops/test_ops.py
    if ((${#marked[@]})); then
        part "Tests for a GPU" 120 bash -c 'tests "$@"' _ -m gpu "${marked[@]}"
    else
        say "No test is marked for a GPU."
    fi
else
    say "The tests are left out: pytest is not installed."
fi

bench() {
    local name=$1 seconds=$2
    shift 2
    part "$name" "$seconds" "$python" -m benchmarks "$name" --device cuda "$@"
}
bench ops 90 --repeats 3
bench generator 90
if has open_clip; then
    bench optimize 80 --repeats 3
    bench edit 80 --starts 1
    bench prepare 80 --repeats 1 --batch-size 32
    bench mapper 80 --quick
else
    say "optimize, edit, prepare and mapper are left out: open_clip is not installed; pass a folder of wheels as WHEELS."
fi

if ((${#failed[@]})); then
    say "Failed: ${failed[*]}."
    exit 1
fi
say "All parts ended well, after $SECONDS s."
