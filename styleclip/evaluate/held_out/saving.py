"""The files of a held-out evaluation."""

from __future__ import annotations

from pathlib import Path

from styleclip.evaluate.held_out.report import HeldOutReport
from styleclip.evaluate.json_lists import lists_on_one_line
from styleclip.evaluate.page.report_page import write_page
from styleclip.storage.files import atomic_write, to_json
from styleclip.storage.recording import DEFAULT_RECORDING, Recording
from styleclip.storage.result_folder import ResultFolder
from styleclip.storage.temporaries import final_path

HELD_OUT_FILES = ("report.json", "report.html")


def save_report(
    report: HeldOutReport, folder: Path, overwrite: bool = False, recording: Recording = DEFAULT_RECORDING
) -> list[Path]:
    """Write report.html and report.json.

    Raises OutputError where a file cannot be written, and for a folder with an earlier report unless `overwrite`, which
    replaces it as a whole.
    """
    with ResultFolder(folder, HELD_OUT_FILES, overwrite) as output:
        text = lists_on_one_line(to_json(recording.of_json(report.to_json(), folder)))
        page = write_page(report, output.place / "report.html")
        record = atomic_write(output.place / "report.json", text.encode())
    return [final_path(page), final_path(record)]
