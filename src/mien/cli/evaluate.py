"""`mien evaluate` and `mien calibrate`: how accurate models are, and how sure they may be."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien._output import REPORT_SUFFIXES, check_output, whole_file
from mien._wording import pluralize
from mien.cli.defaults import PythonDefault
from mien.cli.messages import LOG, refuse_ignored
from mien.cli.options import Data, Fold, SplitFile, Subset, read_split_dataset, require_extra
from mien.cli.progress import progress_bars
from mien.errors import OutputError

if TYPE_CHECKING:
    from mien.evaluation import Evaluation, Predictor
    from mien.spec import ModelSpec

__all__ = ["calibrate", "evaluate"]

_VAL = PythonDefault("mien.evaluation:evaluate", "subset")


def evaluate(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="Model files, tables of predictions (row, p_<label>) or folders of such tables; "
            "none for the shipped model.",
        ),
    ] = None,
    *,
    data: Data,
    subset: Annotated[
        Subset,
        typer.Option(default_factory=_VAL, help="The subset to evaluate on; use test once."),
    ],
    split: SplitFile = None,
    fold: Fold = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            help="ferplus-8, fer2013-7, fer2013-6, six, six-ferplus, six-fer2013; or all."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write each model's predictions as CSV files."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write a report.")
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write the report's charts as PNG and SVG files."),
    ] = None,
    with_faces: Annotated[
        bool,
        typer.Option(
            "--with-faces/--without-faces", help="Show faces of the dataset in the report."
        ),
    ] = False,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Evaluate on corrupted images, too.")
    ] = False,
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Evaluate the models' mean prediction, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing report and predictions.")
    ] = False,
) -> None:
    """Measure how accurate models are, with intervals, calibration and leak-free figures.

    \b
    Examples:
      mien evaluate --data fer --report val.html
      mien evaluate mine.onnx rival.csv --data fer --protocol six --subset test --json
      mien evaluate runs/*/emotion.onnx --data fer --ensemble
    """
    from mien import evaluation
    from mien.metrics import PROTOCOLS
    from mien.metrics import protocol as named
    from mien.reports import evaluation_report

    wanted = [each for name in protocol or PROTOCOLS for each in named(name)]
    if report is None:
        refuse_ignored("without --report FILE.html", "figures", "with_faces")
    if report is None and out is None:
        refuse_ignored("without --report FILE.html or --out FOLDER", "overwrite")
    if report is not None:
        check_output(report, overwrite=overwrite, suffixes=REPORT_SUFFIXES)
    predictors = _opened(models or [])
    if ensemble:
        predictors.append(evaluation.ensemble(predictors))
    folders = [out / each.name for each in predictors] if out is not None else []
    if not overwrite and any(any(folder.glob("*.csv")) for folder in folders):
        raise OutputError(f"{out}: holds predictions. Choose another folder or pass --overwrite")
    dataset, applied = read_split_dataset(data, split, fold)
    with progress_bars() as on_step:
        found = evaluation.evaluate(
            predictors,
            dataset,
            subset=subset,
            split=applied,
            protocols=wanted,
            robustness=robustness,
            on_step=on_step,
        )
    for warning in found.warnings:
        LOG.warning("WARNING: %s", warning)
    if as_json:
        print(json.dumps(found.to_json(), indent=1))
    else:
        _print(found)
    images = dataset.subset(subset)
    written = [
        path
        for predictor, folder in zip(predictors, folders, strict=False)
        for path in evaluation.save_predictions(
            images.rows, predictor.probabilities(images), folder
        )
    ]
    if report is not None:
        faces = dataset if with_faces else None
        written += evaluation_report(
            found, report, faces=faces, figures=figures, overwrite=overwrite
        )
    for path in written:
        LOG.info(f"wrote {path}")


def calibrate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An emotion network (ONNX).")],
    *,
    data: Data,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The calibrated model's file; else MODEL itself."),
    ] = None,
    subset: Annotated[
        Subset, typer.Option(default_factory=_VAL, help="The subset to calibrate on.")
    ],
    split: SplitFile = None,
    fold: Fold = None,
    accuracy: Annotated[
        float,
        typer.Option(
            default_factory=PythonDefault("mien.metrics:fit_six", "accuracy"),
            min=0.0,
            max=1.0,
            help="The accuracy that predictions must reach which are not unsure.",
        ),
    ],
    foreign: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DATASET",
            help="An imported dataset of other people to choose by, too; repeatable.",
        ),
    ] = None,
    framing: Annotated[
        list[float] | None,
        typer.Option(
            min=0.5,
            max=2.0,
            help="How tightly to crop faces, 1 for FER-2013's framing; of several the best is "
            "taken. Without it the framing stays.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace FILE, or MODEL if no FILE is given.")
    ] = False,
) -> None:
    """Fit priors, temperatures and the threshold of "unsure", and write them into the spec.

    With --foreign, datasets of other people count as much as the one it was trained on.

    \b
    Examples:
      mien calibrate runs/first/emotion.onnx --data fer --out calibrated.onnx
      mien calibrate mine.onnx --data fer --accuracy 0.9 --overwrite
      mien calibrate mine.onnx --data fer --foreign actors --framing 1 --framing 1.1 --out a.onnx
    """
    require_extra("calibrating", "train", "torch", "onnx")
    from mien.data import read_dataset
    from mien.evaluation import calibration_warnings, open_predictor
    from mien.export import calibrate_emotion
    from mien.inference import EmotionModel

    target = out or model
    if target.exists() and not overwrite:
        raise OutputError(f"{target}: exists already. Give --out FILE, or pass --overwrite")
    before = EmotionModel(model).spec
    dataset, _ = read_split_dataset(data, split, fold)
    with whole_file(target, overwrite=overwrite) as partial:
        shutil.copyfile(model, partial)
        spec = calibrate_emotion(
            partial,
            dataset,
            subset=subset,
            accuracy=accuracy,
            foreign=[read_dataset(each) for each in foreign or []],
            framings=framing or (),
        )
    _print_calibration(before, spec)
    for warning in calibration_warnings(open_predictor(target), dataset.subset(subset), subset):
        LOG.warning("WARNING: %s", warning)
    print(f"wrote {target}")


def _print_calibration(before: ModelSpec, after: ModelSpec) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table("", "before", "after", box=box.SIMPLE, padding=(0, 1, 0, 0))
    old, new = _calibration_rows(before), _calibration_rows(after)
    for name, value in new.items():
        table.add_row(name, old.get(name, ""), value)
    Console(highlight=False, markup=False).print(table)


def _framing(spec: ModelSpec) -> float:
    """Return how much larger faces are in a network's crops than in FER-2013's images."""
    from mien.preprocess import FER_CROP

    if spec.crop is None:
        return 1.0
    spans = [
        max(x for x, _ in crop.landmarks_xy) - min(x for x, _ in crop.landmarks_xy)
        for crop in (spec.crop, FER_CROP)
    ]
    return spans[0] / spans[1]


def _calibration_rows(spec: ModelSpec) -> dict[str, str]:
    """Return the calibrated values by name."""
    from mien.emotions import SIX

    six = spec.six
    if six is None:
        return {}
    heads = [output for output in spec.outputs if output.name in six.weights]
    return {
        **{f"weight of {name}": f"{weight:.2f}" for name, weight in six.weights.items()},
        **{f"bias of {label}": f"{b:+.2f}" for label, b in zip(SIX.labels, six.bias, strict=True)},
        "framing": f"{_framing(spec):.2f}",
        "temperature": f"{six.temperature:.3f}",
        "unsure below": f"{six.unsure_below:.1%}",
        **{f"temperature of {head.name}": f"{head.temperature:.3f}" for head in heads},
    }


def _opened(paths: list[Path]) -> list[Predictor]:
    """Open models; models of the same file name get the name of their folder, too."""
    from mien.evaluation import open_predictor

    if not paths:
        return [open_predictor(None)]
    predictors = [open_predictor(path) for path in paths]
    names = [predictor.name for predictor in predictors]
    return [
        dataclasses.replace(predictor, name=f"{path.absolute().parent.name}-{predictor.name}")
        if names.count(predictor.name) > 1
        else predictor
        for predictor, path in zip(predictors, paths, strict=True)
    ]


def _sure(sure: Mapping[str, float]) -> str:
    if not sure["coverage"]:
        return "every prediction is unsure"
    share, accuracy = f"{sure['coverage']:.0%}", f"{sure['accuracy']:.1%}"
    return f"{share} of the predictions are not unsure, and {accuracy} of these are correct"


def _print(found: Evaluation) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from mien.reports import EVALUATION_COLUMNS, evaluation_rows

    console = Console(highlight=False, markup=False)
    count = pluralize(found.images, "image")
    where = f"{found.data}, {found.split} split, {found.subset}, {count}"
    console.print(where, style="bold")
    for model in dict.fromkeys(each.model for each in found.results):
        table = Table(box=box.SIMPLE, title=model, title_justify="left", padding=0)
        for number, name in enumerate(EVALUATION_COLUMNS):
            first = number == 0
            table.add_column(name, justify="left" if first else "right", no_wrap=first)
        for each in found.results:
            if each.model == model:
                # Without leaks a result has one row, not two.
                for number, (_, *cells) in enumerate(evaluation_rows(each)):
                    table.add_row("  leak-free" if number else each.protocol, *cells)
        console.print(table)
        for each in found.results:
            if each.model == model and each.score.sure is not None:
                console.print(f"{each.title}: {_sure(each.score.sure)}")
    for name, score in found.triplets.items():
        console.print(
            f"{name}: its embedding agrees with the votes on {score.accuracy:.1%} of "
            f"{score.triplets:,} triplets (chance: 33.3 %)"
        )
    for pair in found.comparisons:
        console.print(
            f"{pair.protocol}: correct only by {pair.first} {pair.test.only_first:,}, only by "
            f"{pair.second} {pair.test.only_second:,}; McNemar p = {pair.test.p_value:.2g}"
        )
