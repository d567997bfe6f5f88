"""What a study costs: time beside plain rows, memory over a long video, frames a second.

    python benchmarks/study.py --write
    python benchmarks/study.py --rows memory --minutes 6 --write

The video is of 1280x720 pixels at 25 frames a second: two people of the sample photos glide past
each other, again and again. Times want cores that do nothing else. `--write` keeps the figures in
`results/study.json` and puts the table into `docs/study.md`; rows that are not measured again stay.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import machine, peak_memory_mb
from marked import markdown_table, write_json, write_marked
from video import RATE, alone, make_video, repeated

import mien

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "benchmarks" / "results" / "study.json"
DOCUMENT = ROOT / "docs" / "study.md"
SIZE_HW = (720, 1280)
ROWS = ("cost", "memory", "rate")
PAIRS = 3
HOUR_FRAMES = 3600 * RATE


def seconds_of_rows(video: Path, out: Path) -> float:
    """Return how long plain rows of a video take, as `mien analyze VIDEO --out FOLDER` writes."""
    began_s = time.perf_counter()
    mien.analyze_to(out / "rows", video, options=mien.RunOptions(overwrite=True))
    return time.perf_counter() - began_s


def seconds_of_study(video: Path, out: Path) -> float:
    """Return how long a study of a video takes, with its tables and report."""
    began_s = time.perf_counter()
    mien.study_to(out / "study", video, options=mien.StudyOptions(overwrite=True))
    return time.perf_counter() - began_s


def measure_cost(video: Path, out: Path) -> dict[str, Any]:
    """Time both in turn, each in a process of its own."""
    pairs = [(alone(_one, seconds_of_rows, video, out)[0],
              alone(_one, seconds_of_study, video, out)[0]) for _ in range(PAIRS)]  # fmt: skip
    return {
        "rows_s": statistics.median(rows for rows, _ in pairs),
        "study_s": statistics.median(study for _, study in pairs),
        "ratio": statistics.median(study / rows for rows, study in pairs),
    }


def _one(run: Any, video: Path, out: Path) -> tuple[float]:
    return (run(video, out),)


def measure_memory(video: Path, out: Path) -> dict[str, Any]:
    """Make a study in a process of its own, and look at its memory."""
    after, most, end, frames = alone(memory_over, video, out)
    return {"minutes": frames / RATE / 60, "after_mb": after, "most_mb": most, "end_mb": end}


def memory_over(video: Path, out: Path) -> tuple[float, float, float, float]:
    """Return MB after the first minute of a video, the most until its end, the peak, its frames."""
    page_mb = os.sysconf("SC_PAGE_SIZE") / 2**20
    after = most = 0.0
    frames = duration_frames(video)

    def look(done: float, total: int) -> None:
        nonlocal after, most
        if 60 * RATE / frames <= done < total:
            now = page_mb * int(Path("/proc/self/statm").read_text().split()[1])
            after, most = after or now, max(most, now)

    mien.study_to(out / "study", video, on_progress=look)
    return after, most, peak_memory_mb(), float(frames)


def duration_frames(video: Path) -> int:
    """Return how many frames a video has, from its duration."""
    from mien.media import Video

    with Video(video) as opened:
        return round((opened.duration_s or 0.0) * RATE)


def measure_rate(video: Path, out: Path) -> dict[str, Any]:
    """Return the frames a second of two processes that analyse a copy of the video each."""
    copies = [video.with_name(f"copy{number}.mp4") for number in (1, 2)]
    for copy in copies:
        copy.hardlink_to(video)
    options = mien.StudyOptions(workers=2, overwrite=True)
    began_s = time.perf_counter()
    mien.study_to(out / "study", copies, options=options)
    seconds = time.perf_counter() - began_s
    return {"frames_per_second": 2 * duration_frames(video) / seconds}


def table(kept: dict[str, Any]) -> str:
    """Return the Markdown table of what was measured."""
    lines = []
    if found := kept.get("cost"):
        lines.append([
            "time of a study beside that of plain rows (`--out`), tables and report included",
            f"{100 * (found['ratio'] - 1):+.1f} %", "at most +5 %", found["machine"],
        ])  # fmt: skip
    if found := kept.get("memory"):
        grown = found["most_mb"] - found["after_mb"]
        lines.append([
            f"memory after the first of {found['minutes']:.0f} minutes, and the most until the end "
            "of the analysis",
            f"{found['after_mb']:.0f}, {found['most_mb']:.0f} MB ({grown:+.0f})", "at most +20 MB",
            found["machine"],
        ])  # fmt: skip
        what = "most memory with the tables and the report"
        lines.append([what, f"{found['end_mb']:.0f} MB", "", found["machine"]])
    if found := kept.get("rate"):
        rate = found["frames_per_second"]
        lines.append([
            "two workers, frames a second (an hour of video takes)",
            f"{rate:.0f} ({HOUR_FRAMES / rate / 60:.1f} min)", "12 min", found["machine"],
        ])  # fmt: skip
    return markdown_table(["1280x720 at 25 frames a second", "measured", "wanted", "on"], lines)


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=ROWS, help="what to measure")
    parser.add_argument("--minutes", type=float, default=5, help="length of the video")
    parser.add_argument("--shared", action="store_true", help="say that others used the cores")
    parser.add_argument("--write", action="store_true", help="keep the figures, update the page")
    arguments = parser.parse_args()
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    where = machine() + (", which others used, too" if arguments.shared else "")
    measures = {"cost": measure_cost, "memory": measure_memory, "rate": measure_rate}
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        video = repeated(make_video(out / "short.mp4", SIZE_HW), out / "long.mp4",
                         arguments.minutes / 60)  # fmt: skip
        for row in arguments.rows:
            kept[row] = {**measures[row](video, out), "machine": where}
            print(row, kept[row], flush=True)
    print(table(kept))
    if arguments.write:
        write_json(KEPT, kept)
        write_marked(DOCUMENT, "study-speed", table(kept))


if __name__ == "__main__":
    main()
