"""`mien train`: from data and a recipe to a model file."""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from mien.cli.defaults import PythonDefault
from mien.cli.messages import LOG, refuse_ignored, verb
from mien.cli.options import Data, Fold, SplitFile, read_split_dataset, require_extra
from mien.cli.progress import progress_bars
from mien.cli.verbs import Verbs
from mien.options import MAX_THREADS, Accelerator, DeviceOptions

__all__ = ["app"]

_DEVICES = DeviceOptions()

app = Verbs(no_args_is_help=True, rich_markup_mode=None)

Out = Annotated[Path, typer.Option(help="The run's folder: checkpoints, metrics, model file.")]
Start = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Initial weights: a checkpoint or a model file; `shipped` is mien's own model.",
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Resume from the last checkpoint.")]
Threads = Annotated[
    int,
    typer.Option(min=0, max=MAX_THREADS, help="Threads of torch on the CPU; 0 takes all cores."),
]


@app.callback()
def _train() -> None:
    """Train a network and write its model file."""


@app.command()
@verb
def emotion(
    *,
    data: Data,
    out: Out,
    split: SplitFile = None,
    fold: Fold = None,
    recipe: Annotated[str, typer.Option(help="A TOML file, or a shipped recipe.")] = "emotion",
    start: Start = None,
    mix: Annotated[
        Path | None,
        typer.Option(metavar="DATASET", help="Mix the train images of this dataset in, too."),
    ] = None,
    mix_share: Annotated[
        float,
        typer.Option(
            default_factory=PythonDefault("mien.training:train_emotion", "mix_share"),
            help="--mix: their share in each batch.",
        ),
    ],
    resume: Resume = False,
    threads: Threads = _DEVICES.threads,
    accelerator: Annotated[
        Accelerator, typer.Option(help="Lightning's accelerator.")
    ] = _DEVICES.accelerator,
    devices: Annotated[str, typer.Option(help="Number of devices, or auto.")] = str(
        _DEVICES.devices
    ),
    nodes: Annotated[int, typer.Option(min=1, help="Number of machines.")] = _DEVICES.nodes,
    strategy: Annotated[
        str, typer.Option(help="Lightning's strategy: auto, ddp ...")
    ] = _DEVICES.strategy,
) -> None:
    """Train the emotion network on FER-2013 with FER+'s votes.

    \b
    Examples:
      mien train emotion --data fer --out runs/first
      mien train emotion --data fer --split leak-free.json --out runs/second --resume
      mien train emotion --data fer --out runs/third --accelerator gpu --devices 4 --strategy ddp
      mien train emotion --data fer --mix heads --mix-share 0.25 --out runs/fourth
    """
    if mix is None:
        refuse_ignored("without --mix DATASET", "mix_share")
    _require_training()
    from mien.data import read_dataset
    from mien.evaluation import evaluate, open_predictor
    from mien.export import export_trained
    from mien.reports import evaluation_report, training_report
    from mien.training import (
        METRICS_FILE,
        RECIPE_FILE,
        EmotionRecipe,
        ema_warnings,
        read_recipe,
        train_emotion,
    )

    read = read_recipe(EmotionRecipe, recipe)
    dataset, applied = read_split_dataset(data, split, fold)
    for warning in ema_warnings(read, images=len(dataset.subset("train"))):
        LOG.warning("WARNING: %s", warning)
    with _stopped_by_ctrl_c(out):
        module = train_emotion(
            read,
            dataset,
            out=out,
            resume=resume,
            start=_start(start, "emotion.onnx"),
            mix=None if mix is None else read_dataset(mix),
            mix_share=mix_share,
            devices=DeviceOptions(
                accelerator=accelerator,
                devices=int(devices) if devices.isdecimal() else devices,
                nodes=nodes,
                strategy=strategy,
                threads=threads,
            ),
        )
    if not module.trainer.is_global_zero:
        return
    path = out / "emotion.onnx"
    provenance = {
        "recipe": Path(recipe).stem,
        "seed": str(read.seed),
        "split": applied[0],
        "split_sha256": applied[1],
        "mien": importlib.metadata.version("mien"),
    }
    compared = export_trained(
        module.network,
        dataset,
        path=path,
        provenance=provenance | module.provenance,
        framing=read.framing,
    )
    difference = max(compared.max_difference.values())
    print(f"{path}: differs from torch by at most {difference:.1e}")
    figures = out / "figures"
    pages = training_report(
        out / METRICS_FILE,
        out / RECIPE_FILE,
        out / "training.html",
        figures=figures,
        overwrite=True,
    )
    with progress_bars() as on_step:
        found = evaluate(
            [open_predictor(path)],
            dataset,
            subset="val",
            split=applied,
            on_step=on_step,
        )
    for warning in found.warnings:
        LOG.warning("WARNING: %s", warning)
    pages += evaluation_report(
        found, out / "evaluation.html", faces=dataset, figures=figures, overwrite=True
    )
    for page in pages:
        if page.suffix == ".html":
            print(f"wrote {page}")


@app.command()
@verb
def detector(
    *,
    data: Annotated[
        list[Path],
        typer.Option(
            metavar="IMAGES",
            help="A folder of images, or a Parquet with id, kind and jpeg; may be repeated.",
        ),
    ],
    teacher: Annotated[Path, typer.Option(help="A detector of the YuNet layout (ONNX).")],
    out: Out,
    pasted_faces: Annotated[
        Path | None,
        typer.Option(metavar="DATASET", help="A dataset whose faces are pasted into images."),
    ] = None,
    negatives: Annotated[
        Path | None,
        typer.Option(metavar="IMAGES", help="Images, as for --data, in which nothing is a face."),
    ] = None,
    recipe: Annotated[str, typer.Option(help="A TOML file, or a shipped recipe.")] = "detector",
    start: Start = None,
    resume: Resume = False,
    threads: Threads = _DEVICES.threads,
) -> None:
    """Train the face detector by distillation from a teacher, without drawn boxes.

    \b
    Examples:
      mien train detector --data images/ --teacher yunet.onnx --out runs/face
      mien train detector --data images/ --teacher yunet.onnx --out runs/face --resume
    """
    _require_training()
    from mien.data import read_dataset
    from mien.export import export_detector
    from mien.training import (
        LARGEST_VIEW_PX,
        RUN,
        DetectorRecipe,
        choose_score_threshold,
        pseudo_label_images,
        read_recipe,
        read_unlabelled_images,
        train_detector,
    )

    read = read_recipe(DetectorRecipe, recipe)
    RUN.check(out)
    images = [
        image
        for source in data
        for image in pseudo_label_images(
            source, teacher, out / "labels.npz", before_writing=lambda: RUN.claim(out)
        )
    ]
    no_faces = None
    if negatives is not None:
        read_small = read_unlabelled_images(negatives, max_side_px=LARGEST_VIEW_PX)
        no_faces = [image for _, _, image in read_small]
    faces = None if pasted_faces is None else read_dataset(pasted_faces).subset("train").images
    with _stopped_by_ctrl_c(out):
        module = train_detector(
            read,
            images,
            teacher,
            out=out,
            pasted_faces=faces,
            negatives=no_faces,
            start=_start(start, "face.onnx"),
            resume=resume,
            threads=threads,
        )
    threshold = choose_score_threshold(module, images)
    path = out / "face.onnx"
    provenance = {
        "recipe": Path(recipe).stem,
        "seed": str(read.seed),
        "images": ", ".join(_source_name(source) for source in data),
        "teacher": teacher.name,
    }
    for name, source in (("pasted_faces", pasted_faces), ("negatives", negatives)):
        if source is not None:
            provenance[name] = source.name
    differences = export_detector(
        module.network, path=path, provenance=provenance, score_threshold=threshold
    )
    print(
        f"{path}: differs from torch by at most {max(differences.values()):.1e}; the detection "
        f"threshold is {threshold:.2f}"
    )


@app.command()
@verb
def units(
    *,
    data: Annotated[
        list[Path],
        typer.Option(metavar="DATASET", help="A dataset of faces; may be repeated."),
    ],
    teacher: Annotated[Path, typer.Option(help="MediaPipe's face_landmarker.task.")],
    out: Out,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep what the teacher reads in this .npz, for other runs; without it, in --out.",
        ),
    ] = None,
    recipe: Annotated[str, typer.Option(help="A TOML file, or a shipped recipe.")] = "units",
    start: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="An emotion network whose trunk is the initial one; `shipped` is mien's own.",
        ),
    ] = None,
    resume: Resume = False,
    threads: Threads = _DEVICES.threads,
) -> None:
    """Train the network of expression units on what a teacher reads in faces.

    The faces need no labels. The teacher needs the package mediapipe (extra `teacher`); it is not
    needed any more when all faces are read.

    \b
    Examples:
      mien train units --data fer --teacher face_landmarker.task --out runs/units
      mien train units --data fer --data photos --teacher face_landmarker.task --out runs/units \\
        --resume
    """
    _require_training()
    from mien.data import read_dataset
    from mien.export import export_units
    from mien.training import (
        RUN,
        UnitRecipe,
        faces_to_read,
        label_units,
        read_recipe,
        train_units,
        unit_examples,
    )

    read = read_recipe(UnitRecipe, recipe)
    RUN.check(out)
    cache = out / "labels.npz" if labels is None else labels
    labelled = []
    with _stopped_by_ctrl_c(out):
        for source in data:
            faces = faces_to_read(read_dataset(source))
            with progress_bars() as on_step:
                found = label_units(
                    faces,
                    teacher,
                    cache,
                    before_writing=lambda: RUN.claim(out),
                    on_image=on_step(f"reading {faces.source}"),
                )
            labelled.append((faces, found))
        module = train_units(
            read,
            labelled,
            out=out,
            start=_start(start, "emotion.onnx"),
            resume=resume,
            devices=DeviceOptions(threads=threads),
        )
    path = out / "units.onnx"
    provenance = {
        "recipe": Path(recipe).stem,
        "seed": str(read.seed),
        "data": ", ".join(faces.source for faces, _ in labelled),
        "teacher": teacher.name,
        "mien": importlib.metadata.version("mien"),
    }
    differences = export_units(
        module.network,
        unit_examples(labelled, "val").images,
        path=path,
        provenance=provenance | module.provenance,
    )
    print(f"{path}: differs from torch by at most {max(differences.values()):.1e}")


def _source_name(source: Path) -> str:
    """Return a source's name; several Parquet files may have one name in folders of their own."""
    return f"{source.resolve().parent.name}/{source.name}" if source.is_file() else source.name


@contextlib.contextmanager
def _stopped_by_ctrl_c(out: Path) -> Iterator[None]:
    """Say after Ctrl-C how the training goes on; the exit status is 130."""
    from mien.training.run import last_checkpoint

    try:
        yield
    except KeyboardInterrupt as error:
        has_checkpoint = last_checkpoint(out).exists()
        LOG.info("stopped; " + ("continue with --resume" if has_checkpoint else "nothing is saved"))
        raise typer.Exit(130) from error


def _start(start: str | None, shipped: str) -> Path | None:
    if start == "shipped":
        return Path(str(resources.files("mien"))) / "assets" / shipped
    return Path(start) if start is not None else None


def _require_training() -> None:
    require_extra("training", "train", "torch", "lightning", "onnx")
