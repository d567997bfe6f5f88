"""The whole of `mien tune`: search, write the best recipe, measure its gain, report."""

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

from mien._marking import Marker
from mien._wording import counted
from mien.data import SPLITS, Dataset
from mien.errors import InputError, OutputError, RecipeError
from mien.reports import Gain, tuning_report
from mien.training import EmotionRecipe, recipe_text, with_faces
from mien.tuning.gain import GAIN, measure_gain
from mien.tuning.keys import changed
from mien.tuning.options import TuneOptions
from mien.tuning.record import best_trial, study_record
from mien.tuning.selection import selection_part
from mien.tuning.space import Space
from mien.tuning.status import Standing, Watch
from mien.tuning.study import SECONDS, release_dead
from mien.tuning.worker import Job, work, work_together

__all__ = ["BEST", "REPORT", "STORAGE", "Search", "Tuned", "prepare", "tune"]

BEST, REPORT, STORAGE = "best.toml", "report.html", "study.db"
"""Files in a study's folder: the best recipe, the report, and the storage if none is named."""

_STUDY = Marker(
    name="mien-study.txt",
    text="This folder belongs to a study of `mien tune`, which replaces its own files in it.\n",
    kind="folder of a study",
    option="--out",
)

_LOOK_S = 1.0

_PATIENCE_S = 60.0
"""How long the trials of other machines are waited for at least."""

Search = Callable[[Job, Callable[[], None]], None]
"""Runs a study's trials, and calls the second argument again and again while it does."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What a study came to.

    Attributes:
        recipe: The best recipe, with the start's own epochs.
        value: The objective of its trial on the selection part.
        gain: The gain over the start; None if it was not measured.
        files: What was written.
    """

    recipe: EmotionRecipe
    value: float
    gain: Gain | None
    files: tuple[Path, ...]


def prepare(
    recipe: EmotionRecipe,
    space: Space,
    data: Dataset,
    *,
    name: str,
    storage: str,
    options: TuneOptions,
) -> Job:
    """Carve the selection part and write down the study's terms.

    Raises:
        RecipeError: A grid of a space that has no end of values.
        InputError: The training part is too small, or there is no val to report the gain on.
    """
    if options.seeds and not (data.split == SPLITS.index("val")).any():
        raise InputError(
            f"{data.source}: no image in val, on which the gain is reported. Divide the dataset, "
            "or leave the gain out with --seeds 0"
        )
    trials = options.trials
    if options.strategy == "grid":
        # The start is tried besides the grid's own points.
        points = 1 + math.prod(map(len, space.grid().values()))
        trials = min(trials or points, points)
    part = selection_part(
        data,
        share=options.share,
        images=options.images,
        seed=options.seed,
        near=options.near,
    )
    epochs = options.epochs or recipe.epochs
    terms = {
        "recipe": recipe_text(dataclasses.replace(recipe, epochs=epochs)),
        "set of images": part.sha256(),
    }
    deadline = None if options.hours is None else time.time() + 3600 * options.hours
    return Job(
        name=name,
        storage=storage,
        recipe=recipe,
        space=space,
        data=part,
        options=options,
        terms=terms,
        trials=trials,
        deadline=deadline,
    )


def tune(
    recipe: EmotionRecipe,
    space: Space,
    data: Dataset,
    *,
    out: Path,
    name: str = "emotion",
    storage: str | None = None,
    options: TuneOptions | None = None,
    on_standing: Callable[[Standing], None] = lambda standing: None,
    on_line: Callable[[str], None] = lambda line: None,
    search: Search | None = None,
) -> Tuned:
    """Search the space for a better recipe, and measure how much better it is.

    A study that was interrupted goes on; what ran is tried again.

    Args:
        recipe: Where the search starts.
        space: What varies.
        data: The dataset with its reported split. Trials see only its training part, divided into
            what they learn from and what they are judged by.
        out: The study's folder: best recipe, report, runs of the gain, and the storage if none is
            named.
        name: The study's name in the storage.
        storage: As for `open_storage`; None for an SQLite file in `out`.
        options: How to search; None for the defaults.
        on_standing: Called again and again with where the study stands.
        on_line: Called with a line for a person: a failed trial, a lost worker.
        search: What runs the trials instead of this machine's processes.

    Raises:
        InputError: The storage cannot be reached, or the training part is too small.
        RecipeError: A study of this name was begun on other terms, or no trial ran to its end.
        OutputError: The folder holds something else than a study, or cannot be written.
    """
    options = options or TuneOptions()
    place = storage or str(out / STORAGE)
    # Another machine may have begun the study, which goes on.
    dataclasses.replace(_STUDY, beside=Path(place).name).claim(out)
    job = prepare(recipe, space, data, name=name, storage=place, options=options)
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    study = job.open()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)
    for number in release_dead(study):
        on_line(f"trial {number} was lost with its worker; its point is tried again")
    _, outside = space.start(recipe)
    if outside:
        on_line(f"the recipe's own {', '.join(outside)} lies outside the space: it is not tried")
    watch = Watch(study, trials=job.trials, deadline=job.deadline, workers=options.workers)

    def look() -> None:
        for line in watch.failures():
            on_line(line)
        on_standing(watch.standing())

    def run_trials() -> None:
        look()
        if search is not None:
            search(job, look)
        elif options.workers == 1:
            work(job, on_epoch=look)
        else:
            work_together(job, on_look=look, on_line=on_line)
        look()

    run_trials()
    while _others_gave_up(study, job, look=look, on_line=on_line):
        run_trials()
    return _finish(study, job, data, out=out, on_line=on_line)


def _others_gave_up(
    study: optuna.Study, job: Job, *, look: Callable[[], None], on_line: Callable[[str], None]
) -> bool:
    """Wait for the trials that run on other machines; say whether the budget has room again.

    A database tells of machines that fell silent, whose points are lined up again. Elsewhere a
    trial that takes three times as long as the longest so far is left out.
    """
    begun, told = time.monotonic(), False
    while running := study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        ended = [t.user_attrs.get(SECONDS, 0.0) for t in study.get_trials(deepcopy=False)]
        if time.monotonic() - begun > _PATIENCE_S + 3 * max(ended):
            on_line(
                f"{counted(len(running), 'trial')} on other machines, not ended, left out here; "
                "the same command takes them into account when they have"
            )
            return False
        if not told:
            on_line(f"waiting for {counted(len(running), 'trial')} on other machines")
            told = True
        time.sleep(_LOOK_S)
        optuna.storages.fail_stale_trials(study)
        look()
    return told and not job.spent(study)


def _finish(
    study: optuna.Study,
    job: Job,
    data: Dataset,
    *,
    out: Path,
    on_line: Callable[[str], None],
) -> Tuned:
    best = best_trial(study)
    if best is None or best.value is None:
        raise RecipeError(
            f"study '{job.name}': no trial ran to its end, so that there is no best one. Give it "
            "more trials or hours, or another space"
        )
    recipe = changed(job.recipe, job.space.values(best.params))
    head = (
        f"# Trial {best.number} of the study {job.name}: {job.space.objective} {best.value:.4f} on "
        "its selection part.\n"
    )
    files = [_write(out / BEST, head + recipe_text(recipe))]
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
            on_line=on_line,
        )
        files.append(_write(out / GAIN, json.dumps(dataclasses.asdict(gain), indent=1) + "\n"))
    files += tuning_report(
        study_record(study, job.space),
        out / REPORT,
        recipe=recipe_text(recipe),
        gain=gain,
        setting=_setting(job),
        figures=out / "figures",
        overwrite=True,
    )
    return Tuned(recipe=recipe, value=best.value, gain=gain, files=tuple(files))


def _write(path: Path, text: str) -> Path:
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error}") from error
    return path


def _setting(job: Job) -> dict[str, str]:
    options = job.options
    faces = with_faces(job.data)
    learned, judged = (len(faces.part(part)) for part in ("train", "val"))
    return {
        "strategy": options.strategy,
        "pruning": options.pruner,
        "seed": str(options.seed),
        "epochs of a trial": str(job.epochs),
        "images to learn from": f"{learned:,}",
        "images to be judged by": f"{judged:,}",
    }
