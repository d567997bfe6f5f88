"""What is killed: one way of using the program each, and what has to be the same in the end."""

from __future__ import annotations

import abc
import hashlib
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.conftest import SAMPLES
from tests.videos import LossyVideo, gliding, write_video

__all__ = ["SCENARIOS", "Scenario"]


class Scenario(abc.ABC):
    """Something that can be killed and started again.

    Args:
        inputs: An empty folder for its inputs.

    Attributes:
        interval_s: The time between two checkpoints of an analysis.
    """

    interval_s = 0.0

    def __init__(self, inputs: Path) -> None:
        self.inputs = inputs

    def prepare(self, folder: Path) -> None:  # noqa: B027 - most need nothing
        """Make what lies in the folder before the first start."""

    @abc.abstractmethod
    def work(self, folder: Path, *, again: bool) -> int:
        """Do the work, or go on after a kill; return the exit status."""

    @abc.abstractmethod
    def result(self, folder: Path) -> Any:
        """Return what has to be the same whether or not it was killed."""


def mien(*arguments: str | Path) -> int:
    """Run a verb in this process, as the installed command does."""
    from mien.cli import main

    sys.argv = ["mien", *map(str, arguments)]
    main()
    return 0


def _photo() -> np.ndarray:
    return np.asarray(Image.open(SAMPLES / "eileen_collins.jpg").convert("RGB").resize((400, 400)))


class Analysis(Scenario):
    """Analyses images, videos, or both; one image cannot be read, one video is cut off.

    Args:
        inputs: An empty folder for the inputs.
        options: The options of the run.
        replaces: Whether there are results already, which are replaced.
        images: Whether there are images.
        videos: Whether there are videos.
    """

    def __init__(
        self,
        inputs: Path,
        *options: str,
        replaces: bool = False,
        images: bool = True,
        videos: bool = True,
    ) -> None:
        super().__init__(inputs)
        self._options, self._replaces = options, replaces
        small = Image.fromarray(_photo()).resize((160, 160))
        for name in ("a", "e", "f/a") if images else ():
            (inputs / name).parent.mkdir(exist_ok=True)
            small.save(inputs / f"{name}.png")
        if images:
            (inputs / "b.png").write_bytes(b"no image")
            Image.new("RGB", (40, 40)).save(inputs / "c.png")
        for name in ("d", "f/d") if videos else ():
            (inputs / name).parent.mkdir(exist_ok=True)
            frames = gliding(_photo(), seconds=1, per_second=8, size_hw=(200, 240))
            write_video(inputs / f"{name}.mp4", frames)
        if videos:
            (inputs / "g.mp4").write_bytes((inputs / "d.mp4").read_bytes()[:300])

    def prepare(self, folder: Path) -> None:
        """Put results there that are replaced."""
        if self._replaces:
            (folder / "out" / "drawn").mkdir(parents=True)
            (folder / "out" / "results.jsonl").write_text(EARLIER_ROW)

    def work(self, folder: Path, *, again: bool) -> int:
        """Analyse, or go on."""
        from mien.runs import is_interrupted, journal

        journal._INTERVAL_S = self.interval_s
        how = ["--overwrite"] if self._replaces else []
        if again and is_interrupted(folder / "out"):  # else it was killed before it began
            how = ["--resume"]
        return mien("analyze", self.inputs, "--out", folder / "out", *self._options, *how)

    def result(self, folder: Path) -> Any:
        """Return every file of the results; of Parquet the rows, of videos the frames."""
        found = {}
        for path in sorted((folder / "out").rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.suffix == ".parquet":
                from pyarrow import parquet

                found[name] = parquet.read_table(path).to_pylist()
            elif path.suffix == ".mp4":
                found[name] = LossyVideo(path)
            elif path.is_file():
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found


def _dataset_csv(path: Path) -> None:
    rng = np.random.default_rng(0)
    usages = ["Training"] * 64 + ["PublicTest"] * 16 + ["PrivateTest"] * 16
    lines = ["emotion,pixels,Usage"]
    for number, usage in enumerate(usages):
        image = rng.integers(90, 130, (48, 48))
        image[np.arange(48) // (number % 7 + 1) % 2 == 0] += 100
        lines.append(f"{number % 7},{' '.join(map(str, image.ravel()))},{usage}")
    path.write_text("\n".join(lines) + "\n")


class StudyOfVideos(Analysis):
    """Makes a study of the same; its report, which takes long, is left out."""

    def work(self, folder: Path, *, again: bool) -> int:
        """Make it, or go on."""
        from mien.study import analysis

        analysis.write_report = lambda *_: None
        return mien(
            "analyze", self.inputs, "--study", folder / "out", *(["--resume"] if again else [])
        )

    def result(self, folder: Path) -> Any:
        """Return the rows of every table without the seconds taken, and the exports."""
        from pyarrow import parquet

        found: dict[str, Any] = {}
        for path in sorted((folder / "out").rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.suffix == ".parquet":
                rows = parquet.read_table(path).to_pylist()
                found[name] = [row | {"analysis_s": None} for row in rows]
            elif path.is_file() and "records" not in path.parts:
                found[name] = path.read_bytes()
        return found


class Import(Scenario):
    """Imports a CSV as a dataset, in the place of another one or not."""

    def __init__(self, inputs: Path, *, replaces: bool = False) -> None:
        super().__init__(inputs)
        self._replaces = replaces
        _dataset_csv(inputs / "fer2013.csv")
        if replaces:
            from mien.data import import_dataset

            lines = (inputs / "fer2013.csv").read_text().splitlines()
            (inputs / "other.csv").write_text("\n".join(lines[:80]) + "\n")
            import_dataset([inputs / "other.csv"], inputs / "before")

    def prepare(self, folder: Path) -> None:
        """Put the dataset there that is replaced."""
        if self._replaces:
            shutil.copytree(self.inputs / "before", folder / "fer")

    def work(self, folder: Path, *, again: bool) -> int:
        """Import; the same command goes on."""
        how = ["--overwrite"] if self._replaces else []
        return mien("data", "import", self.inputs / "fer2013.csv", "--out", folder / "fer", *how)

    def result(self, folder: Path) -> Any:
        """Return the dataset's files."""
        return {path.name: path.read_bytes() for path in (folder / "fer").iterdir()}


_RECIPE = """epochs = 3
batch_size = 16
warmup_epochs = 0.5
ema_decay = 0.5
[network]
widths = [8, 16]
depths = [1, 1]
"""

_SPACE = """objective = "fer2013_accuracy"
[parameters]
learning_rate = { low = 0.01, high = 0.2, log = true }
"""


class Training(Scenario):
    """Trains a tiny network."""

    def __init__(self, inputs: Path) -> None:
        super().__init__(inputs)
        from mien.data import import_dataset

        _dataset_csv(inputs / "fer2013.csv")
        import_dataset([inputs / "fer2013.csv"], inputs / "data")
        (inputs / "tiny.toml").write_text(_RECIPE)
        (inputs / "space.toml").write_text(_SPACE)

    def work(self, folder: Path, *, again: bool) -> int:
        """Train, or go on; the reports are left out."""
        from mien import reports

        reports.training_report = reports.evaluation_report = lambda *_, **__: []
        how = ["--resume"] if again else []
        paths = ["--data", self.inputs / "data", "--recipe", self.inputs / "tiny.toml"]
        return mien("train", "emotion", *paths, "--out", folder / "run", "--threads", "1", *how)

    def result(self, folder: Path) -> Any:
        """Return the metrics and the model file."""
        names = ("emotion.onnx", "metrics.csv", "recipe.toml")
        return {name: (folder / "run" / name).read_bytes() for name in names}


class Study(Training):
    """Searches for a recipe in two trials; which points a study tries depends on its past."""

    def work(self, folder: Path, *, again: bool) -> int:
        """Search; the same command goes on."""
        from mien.tuning import run

        run.tuning_report = lambda *_, **__: []
        paths = ["--data", self.inputs / "data", "--recipe", self.inputs / "tiny.toml"]
        paths += ["--space", self.inputs / "space.toml"]
        budget = ["--trials", "2", "--epochs", "1", "--seeds", "0", "--threads", "1"]
        budget += ["--no-near", "--selection-share", "0.25"]
        return mien("tune", *paths, "--out", folder / "study", *budget)

    def result(self, folder: Path) -> Any:
        """Return whether there is a best recipe, and what every trial that ended has."""
        from mien.tuning.storage import open_storage

        storage = open_storage(str(folder / "study" / "study.db"))
        (study,) = storage.get_all_studies()
        ended = [t for t in storage.get_all_trials(study._study_id) if t.state.name == "COMPLETE"]
        complete = all(trial.value is not None and trial.intermediate_values for trial in ended)
        return (folder / "study" / "best.toml").exists(), len(ended) >= 2, complete


class Job(Scenario):
    """A server analyses a video that was handed in; the next server goes on."""

    def __init__(self, inputs: Path, *, cut: bool = False) -> None:
        super().__init__(inputs)
        frames = gliding(_photo(), seconds=1, per_second=8, size_hw=(200, 240))
        content = write_video(inputs / "whole.mkv", frames, format="matroska").read_bytes()
        (inputs / "video.mkv").write_bytes(content[: len(content) * 2 // 3] if cut else content)

    def work(self, folder: Path, *, again: bool) -> int:
        """Run a server until its job has ended; hand the video in, if that was not done yet."""
        import mien
        from mien.detect import OnnxDetector
        from mien.runs import journal
        from mien.server.jobs_folder import new_job_id
        from mien.server.options import ServerOptions
        from mien.server.runner import UPLOAD, JobRunner
        from mien.server.service import Service
        from mien.server.store import Job as StoredJob

        journal._INTERVAL_S = self.interval_s
        analyzer = mien.Analyzer()
        options = ServerOptions(jobs=folder / "jobs", workers=1)
        detector = analyzer.detector
        assert isinstance(detector, OnnxDetector)
        service = Service(analyzer, detector, options)
        runner = JobRunner(service)
        if not runner.store.newest("me", max_jobs=1):
            job_id = new_job_id()
            shutil.copy(self.inputs / "video.mkv", runner.make_folder(job_id) / UPLOAD)
            request = dict.fromkeys(
                ("max_fps", "detect_every", "min_duration_s", "min_face_px", "min_score")
            )
            job = StoredJob(
                id=job_id,
                owner="me",
                name="video.mkv",
                options=request | {"smoothing_s": 0.2},
                state="queued",
                created=time.time(),
                duration_s=1.0,
            )
            runner.submit(job)
        while runner.store.newest("me", max_jobs=1)[0].state in ("queued", "running"):
            time.sleep(0.01)
        runner.close()
        service.close()
        return 0

    def result(self, folder: Path) -> Any:
        """Return the job, its rows, and the names of all files."""
        from mien.server.store import JobStore

        store = JobStore(folder / "jobs" / "jobs.sqlite")
        (job,) = store.newest("me", max_jobs=2)
        store.close()
        own = folder / "jobs" / job.id
        rows = [json.loads(line) for line in (own / "results.jsonl").read_text().splitlines()]
        names = sorted(path.name for path in own.iterdir())
        others = [path.name for path in (folder / "jobs").iterdir() if path.is_dir()]
        return job.state, job.frames, job.time_s, job.error, rows, names, len(others)


EARLIER_ROW = '{"source": "before", "frame": 0, "timestamp_s": null, "error": "gone"}\n'
"""The only row of a run that is replaced."""

_ALL = ("--format", "jsonl,csv,parquet")

SCENARIOS = {
    "images": lambda inputs: Analysis(inputs, *_ALL, videos=False),
    "videos": lambda inputs: Analysis(inputs, *_ALL, images=False),
    "mixed": lambda inputs: Analysis(inputs, *_ALL),
    "drawn": lambda inputs: Analysis(inputs, *_ALL, "--draw"),
    "replaced": lambda inputs: Analysis(inputs, *_ALL, "--draw", replaces=True),
    "study": StudyOfVideos,
    "import": Import,
    "import-replaced": lambda inputs: Import(inputs, replaces=True),
    "job": Job,
    "cut-job": lambda inputs: Job(inputs, cut=True),
    "train": Training,
    "tune": Study,
}
"""The scenarios by name."""
