"""The files of a training: its results, and a folder with metrics, sheets of samples and the checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from styleclip.errors import OutputError, WeightError
from styleclip.storage.files import output_folder
from styleclip.training.checkpoint import Checkpoint, difference
from styleclip.training.distributed import ProcessGroup
from styleclip.training.metrics_log import earlier_files


def already_trained(
    paths: Sequence[Path],
    records: Sequence[Mapping[str, Any]],
    read_record: Callable[[Path], Mapping[str, Any]],
    checkpoint: Checkpoint,
    overwrite: bool,
) -> bool:
    """Whether every path holds the result of this very training, which `records` describe.

    Raises OutputError where one was trained otherwise, and WeightError where one cannot be read, unless `overwrite`.
    """
    if checkpoint.path.exists() or not all(path.exists() for path in paths):
        return False
    for path, record in zip(paths, records, strict=True):
        try:
            if why := difference(read_record(path), record):
                raise OutputError(f"{path} was trained {why}; pass --overwrite or another --out")
        except (OutputError, WeightError):
            if overwrite:
                return False
            raise
    return True


def prepare_outputs(
    paths: Sequence[Path], checkpoint: Checkpoint, resume: bool, overwrite: bool, processes: ProcessGroup
) -> int:
    """Check that all files can be written, and resume or clear what an earlier run left; returns the steps done.

    Raises OutputError where a result, the metrics of another training or an unfinished one is in the way.
    """
    # Check the paths.
    folder, unfinished = checkpoint.path.parent, checkpoint.path.exists()
    for path in paths:
        if path.is_dir() or path.resolve() == folder.resolve():
            raise OutputError(f"{path} is to be a file, not a folder; pass another --out, e.g. {path}.safetensors")
        output_folder(path.parent, ())
        if path.exists() and not overwrite and not (resume and unfinished):
            raise OutputError(f"{path} exists; pass --overwrite or another --out")
    output_folder(folder, ())
    earlier = [] if unfinished or overwrite else earlier_files(folder)
    if earlier:
        raise OutputError(f"{folder} holds {earlier[0].name} of another training; pass --overwrite or another --out")
    if unfinished and not (resume or overwrite):
        raise OutputError(f"{checkpoint.path} holds an unfinished training; pass --resume to go on, or --overwrite")

    # Resume.
    done = checkpoint.resume(overwrite) if resume and unfinished else 0
    processes.barrier()  # no process writes before all have read

    # Mark the folder as that of this training, and remove what is not resumed.
    if processes.is_main and not done:
        checkpoint.save(0)
        for path in earlier_files(folder):
            path.unlink()
    return done
