"""The whole of `mien tune`: search, write the best recipe, measure its gain, write the report."""

from __future__ import annotations

import dataclasses
import json
import math
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import optuna
from optuna.trial import TrialState

from mien._checking import check_path
from mien._marking import Marker
from mien._output import whole_file
from mien._wording import pluralize
from mien.data import SUBSETS, Dataset
from mien.errors import InputError, RecipeError
from mien.options import TuneOptions
from mien.reports import Gain, tuning_report
from mien.training import EmotionRecipe, drop_non_faces, recipe_text
from mien.tuning.gain import GAIN_FILE, measure_gain
from mien.tuning.keys import with_values
from mien.tuning.record import best_trial, study_record
from mien.tuning.selection import selection_split
from mien.tuning.space import Space
from mien.tuning.status import StudyMonitor, StudyStatus
from mien.tuning.storage import storage_errors
from mien.tuning.study import SECONDS_ATTRIBUTE, requeue_dead_trials
from mien.tuning.worker import StudyJob, run_worker, run_workers

__all__ = [
    "BEST_FILE",
    "REPORT_FILE",
    "STORAGE_FILE",
    "TrialRunner",
    "TuneResult",
    "prepare_job",
    "tune",
]

BEST_FILE, REPORT_FILE, STORAGE_FILE = "best.toml", "report.html", "study.db"
"""Files in a study's folder: the best recipe, the report, and the default storage."""

_STUDY = Marker(
    name="mien-study.txt",
    text="This folder belongs to a study of `mien tune`, which replaces its own files in it.\n",
    kind="folder of a study",
    option="out=FOLDER",
)

_POLL_S = 1.0

_MIN_WAIT_S = 60.0
"""Shortest time to wait for the trials of other machines."""

TrialRunner = Callable[[StudyJob, Callable[[], None]], None]
"""Runs the trials of a study, and calls the second argument repeatedly while it does."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TuneResult:
    """The result of a study.

    Attributes:
        recipe: The best recipe, with the epochs of the start recipe.
        value: The objective of its trial on the selection subset.
        gain: The gain over the start recipe; None if it was not measured.
        files: The written files.
    """

    recipe: EmotionRecipe
    value: float
    gain: Gain | None
    files: tuple[Path, ...]


def prepare_job(
    recipe: EmotionRecipe, space: Space, data: Dataset, *, storage: str, options: TuneOptions
) -> StudyJob:
    """Divide the training subset and collect what the workers need.

    Args:
        recipe: The start recipe.
        space: The search space.
        data: The dataset with its reported split.
        storage: As for `open_storage`.
        options: How to search.

    Raises:
        RecipeError: The sampler is `grid` and a parameter has infinitely many values.
        InputError: The training subset is too small, or there is no val for the gain.
    """
    if options.seeds and not (data.split == SUBSETS.index("val")).any():
        raise InputError(
            f"{data.source}: no image in val, on which the gain is measured. Divide the dataset, "
            "or leave the gain out with seeds=0"
        )
    trials = options.trials
    if options.sampler == "grid":
        # The start recipe's point is tried besides those of the grid.
        points = 1 + math.prod(map(len, space.grid().values()))
        trials = min(trials or points, points)
    selection = selection_split(
        data,
        share=options.selection_share,
        max_images=options.max_images,
        seed=options.seed,
        near=options.near,
    )
    epochs = options.epochs or recipe.epochs
    settings = {
        "recipe": recipe_text(dataclasses.replace(recipe, epochs=epochs)),
        "set of images": selection.sha256(),
    }
    deadline = None if options.hours is None else time.time() + 3600 * options.hours
    return StudyJob(
        storage=storage,
        recipe=recipe,
        space=space,
        data=selection,
        options=options,
        settings=settings,
        trials=trials,
        deadline=deadline,
    )


def tune(
    recipe: EmotionRecipe,
    space: Space,
    data: Dataset,
    *,
    out: str | Path,
    options: TuneOptions | None = None,
    on_status: Callable[[StudyStatus], None] = lambda status: None,
    on_message: Callable[[str], None] = lambda message: None,
    runner: TrialRunner | None = None,
) -> TuneResult:
    """Search a space for a better recipe, and measure its gain.

    An interrupted study is resumed; the trials that were running are repeated.

    Args:
        recipe: The start recipe.
        space: The search space.
        data: The dataset with its reported split. Trials use its training subset alone, divided
            into images for training and the selection subset.
        out: The study's folder: best recipe, report, trainings of the gain, and the storage unless
            the options name another.
        options: How to search; None for the defaults.
        on_status: Called repeatedly with the status of the study.
        on_message: Called with a line of text about a failed trial or a lost worker.
        runner: Runs the trials instead of processes on this machine.

    Raises:
        InputError: The storage cannot be reached, or the training subset is too small.
        RecipeError: The study was started with other settings, or no trial is complete.
        OutputError: The folder is not that of a study, or cannot be written.
    """
    out, options = check_path("out", out), options or TuneOptions()
    storage = str(options.storage or out / STORAGE_FILE)
    # Another machine may have started the study, whose storage lies there already.
    marker = dataclasses.replace(_STUDY, allowed_prefix=Path(storage).name)
    marker.check(out)
    job = prepare_job(recipe, space, data, storage=storage, options=options)
    marker.claim(out)
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    with storage_errors(storage):
        return _search(
            job, data, out=out, on_status=on_status, on_message=on_message, runner=runner
        )


def _search(
    job: StudyJob,
    data: Dataset,
    *,
    out: Path,
    on_status: Callable[[StudyStatus], None],
    on_message: Callable[[str], None],
    runner: TrialRunner | None,
) -> TuneResult:
    """Open the study, run its trials, and finish it."""
    study = job.open()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)
    for number in requeue_dead_trials(study):
        on_message(f"trial {number} was lost with its worker; its point is tried again")
    _, outside = job.space.start_point(job.recipe)
    if outside:
        on_message(f"the recipe's own {', '.join(outside)} lies outside the space: it is not tried")
    monitor = StudyMonitor(
        study, trials=job.trials, deadline=job.deadline, workers=job.options.workers
    )

    def update() -> None:
        for message in monitor.new_failures():
            on_message(message)
        on_status(monitor.status())

    def run_trials() -> None:
        update()
        if runner is not None:
            runner(job, update)
        elif job.options.workers == 1:
            run_worker(job, on_progress=update)
        else:
            run_workers(job, on_progress=update, on_message=on_message)
        update()

    run_trials()
    while _await_other_machines(study, job, on_progress=update, on_message=on_message):
        run_trials()
    return _finish(study, job, data, out=out, on_message=on_message)


def _await_other_machines(
    study: optuna.Study,
    job: StudyJob,
    *,
    on_progress: Callable[[], None],
    on_message: Callable[[str], None],
) -> bool:
    """Wait for the trials of other machines; say whether trials of the budget are left afterwards.

    A database marks the trials of machines that no longer respond, and their points are queued
    again. With other storages the wait ends after three times the longest trial so far.
    """
    started, waited = time.monotonic(), False
    while running := study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        times = [t.user_attrs.get(SECONDS_ATTRIBUTE, 0.0) for t in study.get_trials(deepcopy=False)]
        if time.monotonic() - started > _MIN_WAIT_S + 3 * max(times):
            on_message(
                f"{pluralize(len(running), 'trial')} on other machines, not ended, left out here; "
                "run the same command again to include them when they have ended"
            )
            return False
        if not waited:
            on_message(f"waiting for {pluralize(len(running), 'trial')} on other machines")
            waited = True
        time.sleep(_POLL_S)
        optuna.storages.fail_stale_trials(study)
        on_progress()
    return waited and not job.is_spent(study)


def _finish(
    study: optuna.Study,
    job: StudyJob,
    data: Dataset,
    *,
    out: Path,
    on_message: Callable[[str], None],
) -> TuneResult:
    best = best_trial(study)
    if best is None or best.value is None:
        raise RecipeError(
            f"study '{study.study_name}': no trial ran to its end, so there is no best one. Give "
            "it more trials or hours, or another space"
        )
    recipe = with_values(job.recipe, job.space.values(best.params))
    comment = (
        f"# Trial {best.number} of the study {study.study_name}: {job.space.objective} "
        f"{best.value:.4f} on its selection subset.\n"
    )
    files = [_write(out / BEST_FILE, comment + recipe_text(recipe))]
    gain = None
    if job.options.seeds:
        gain = measure_gain(
            job.recipe,
            recipe,
            data,
            objective=job.space.objective,
            seeds=job.options.seeds,
            folder=out / "gain" / f"trial{best.number}",
            workers=job.options.workers,
            threads=job.options.threads,
            on_message=on_message,
        )
        files.append(_write(out / GAIN_FILE, json.dumps(dataclasses.asdict(gain), indent=1) + "\n"))
    files += tuning_report(
        study_record(study, job.space),
        out / REPORT_FILE,
        recipe=recipe_text(recipe),
        gain=gain,
        setting=_report_settings(job),
        figures=out / "figures",
        overwrite=True,
    )
    return TuneResult(recipe=recipe, value=best.value, gain=gain, files=tuple(files))


def _write(path: Path, text: str) -> Path:
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return path


def _report_settings(job: StudyJob) -> dict[str, str]:
    options = job.options
    faces = drop_non_faces(job.data)
    return {
        "sampler": options.sampler,
        "pruner": options.pruner,
        "seed": str(options.seed),
        "epochs of a trial": str(job.epochs),
        "training images": f"{len(faces.subset('train')):,}",
        "selection images": f"{len(faces.subset('val')):,}",
    }
