"""`mien data`: import labelled images, check them, split them and report on them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mien._wording import pluralize
from mien.cli.defaults import PythonDefault
from mien.cli.messages import LOG, printable, refuse_ignored, verb
from mien.cli.options import Fold, SplitFile, read_split_dataset
from mien.cli.progress import progress_bars
from mien.errors import InputError

if TYPE_CHECKING:
    from mien.data import DataCheck, Dataset, Rows
    from mien.reports import ShowSteps

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="SOURCE...",
        help="FER-2013's CSV, a Parquet of images, folders of images named as their class; "
        "FER+'s votes as one more.",
    ),
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="NAME=LABEL",
        help="The label of a class name; NAME=- leaves the class out.",
    ),
]
DatasetFolder = Annotated[
    Path,
    typer.Argument(metavar="DATASET", help="The folder of a dataset that `mien data import` made."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what exists.")]
Near = Annotated[
    bool,
    typer.Option(
        "--near/--no-near",
        default_factory=PythonDefault("mien.data:check_dataset", "near"),
        help="Look for near copies, too.",
    ),
]


_SPLIT_OPTIONS = {
    "near": ("leak-free", "stratified", "folds"),
    "val": ("stratified",),
    "test": ("stratified",),
    "folds": ("folds",),
    "selection": ("fer-pp",),
    "seed": ("stratified", "folds", "fer-pp"),
}
"""The kinds of split for which an option counts."""


@app.callback()
def _data() -> None:
    """Import, check and split labelled images, and report on them."""


@app.command("import")
@verb
def import_(
    sources: Sources,
    *,
    out: Annotated[Path, typer.Option(metavar="DATASET", help="The dataset's folder.")],
    map_: Map = None,
    overwrite: Overwrite = False,
) -> None:
    """Read labelled images of any supported form into one dataset.

    \b
    Examples:
      mien data import fer2013.csv fer2013new.csv --out fer
      mien data import faces/ --map wut=angry --map unsure=- --out mine
    """
    from mien.data import import_dataset

    with progress_bars() as on_source:
        done = import_dataset(
            sources, out, label_map=_label_map(map_), overwrite=overwrite, on_source=on_source
        )
    for note in done.notes:
        LOG.info(note)
    manifest = done.manifest
    subsets = ", ".join(f"{name} {sum(n.values()):,}" for name, n in manifest.subsets.items())
    print(f"{out}: {pluralize(manifest.rows, 'image')} ({subsets}), {manifest.voted:,} with votes")
    print(f"sha256 {manifest.sha256}" + ("; nothing had changed" if done.unchanged else ""))


@app.command()
@verb
def check(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="DATASET|SOURCE...", help="A dataset, or sources to import."),
    ],
    *,
    map_: Map = None,
    split: SplitFile = None,
    fold: Fold = None,
    near: Near,
    find_faces: Annotated[
        bool, typer.Option("--find-faces", help="Look for a face in every image, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Find copies, leaks, conflicting labels, blank images, non-faces and doubtful labels.

    The exit status is 1 if something needs attention before training.

    \b
    Examples:
      mien data check fer --split leak-free.json
      mien data check fer2013.csv fer2013new.csv --json > check.json
    """
    from mien.data import check_dataset
    from mien.detect import OnnxDetector

    data, rows = _read(sources, map_, split, fold)
    found = check_dataset(
        data,
        near=near,
        detector=OnnxDetector() if find_faces else None,
        faults=rows.faults if rows is not None else (),
    )
    if as_json:
        print(json.dumps(found.to_json(), indent=1))
    else:
        _print_check(found)
    if found.warnings:
        raise typer.Exit(1)


@app.command()
@verb
def split(
    dataset: DatasetFolder,
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The split's file (JSON).")],
    kind: Annotated[
        Literal["published", "leak-free", "stratified", "folds", "fer-pp"],
        typer.Option(
            help="published: as imported; leak-free: the same without copies between subsets; "
            "stratified: a new train, val and test; folds: train and val in folds; fer-pp: the "
            "random split of FER-PP."
        ),
    ] = "leak-free",
    near: Annotated[bool, typer.Option("--near", help="Count near copies as copies.")] = False,
    val: Annotated[
        float,
        typer.Option(
            default_factory=PythonDefault("mien.data:stratified_split", "val"),
            help="stratified: the share of val.",
        ),
    ],
    test: Annotated[
        float,
        typer.Option(
            default_factory=PythonDefault("mien.data:stratified_split", "test"),
            help="stratified: the share of test; 0 makes none.",
        ),
    ],
    folds: Annotated[
        int,
        typer.Option(
            default_factory=PythonDefault("mien.data:group_folds", "folds"),
            min=2,
            help="folds: how many.",
        ),
    ],
    selection: Annotated[
        float,
        typer.Option(
            default_factory=PythonDefault("mien.data:fer_pp_split", "selection"),
            help="fer-pp: above 0, its val becomes test and this share of its train becomes val.",
        ),
    ],
    seed: Annotated[
        int,
        typer.Option(
            default_factory=PythonDefault("mien.data:stratified_split", "seed"),
            help="stratified, folds, fer-pp: the random seed.",
        ),
    ],
    overwrite: Overwrite = False,
) -> None:
    """Divide a dataset into subsets, and write the split as a file with a hash.

    \b
    Examples:
      mien data split fer --kind leak-free --out leak-free.json
      mien data split mine --kind stratified --val 0.2 --test 0.2 --out mine.json
      mien data split fer --kind folds --folds 10 --near --out folds.json
    """
    from mien.data import (
        fer_pp_split,
        group_folds,
        leak_free_split,
        published_split,
        read_dataset,
        stratified_split,
    )

    for option, kinds in _SPLIT_OPTIONS.items():
        if kind not in kinds:
            refuse_ignored(f"with --kind {kind}", option)
    data = read_dataset(dataset)
    if kind == "leak-free":
        made = leak_free_split(data, near=near)
    elif kind == "stratified":
        made = stratified_split(data, val=val, test=test, seed=seed, near=near)
    elif kind == "folds":
        made = group_folds(data, folds=folds, seed=seed, near=near)
    elif kind == "fer-pp":
        made = fer_pp_split(data, selection=selection, seed=seed)
    else:
        made = published_split(data)
    made.write(out, overwrite=overwrite)
    counts = ", ".join(f"{subset} {count:,}" for subset, count in made.counts().items())
    print(f"{out}: {made.kind}: {counts}\nsha256 {made.sha256()}")
    if made.counts().get("val") == 0:
        LOG.warning(
            "WARNING: val is empty, so nothing can be trained on this split. Make another one with "
            "--kind stratified"
        )


@app.command()
@verb
def report(
    dataset: DatasetFolder,
    *,
    out: Annotated[Path, typer.Option(metavar="FILE.html", help="The report, one file.")],
    figures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write each figure as PNG and SVG, too.")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="Show this recipe's augmentation: a TOML file or a shipped recipe.")
    ] = "emotion",
    split: SplitFile = None,
    fold: Fold = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a report on a dataset, before and after preprocessing, as one page that opens offline.

    The page shows faces of the dataset. Check the dataset's licence before you publish it.

    \b
    Examples:
      mien data report fer --out fer.html
      mien data report fer --out fer.html --figures figures --recipe my.toml
    """
    from mien.data import check_dataset
    from mien.reports import data_report

    data, _ = read_split_dataset(dataset, split, fold)
    found = check_dataset(data)
    steps = _augmented(recipe)
    written = data_report(data, found, out, augmented=steps, figures=figures, overwrite=overwrite)
    for path in written:
        LOG.info(f"wrote {path}")


def _augmented(recipe: str) -> ShowSteps | None:
    """Return a function that shows the augmentation step by step; None without torch."""
    if importlib.util.find_spec("torch") is None:
        LOG.info("the report has no augmentation figure: it needs mien[train]")
        return None
    from mien.training import EmotionRecipe, read_recipe, show_augmentation

    return show_augmentation(read_recipe(EmotionRecipe, recipe))


def _read(
    sources: list[Path], map_: list[str] | None, split: Path | None, fold: int | None
) -> tuple[Dataset, Rows | None]:
    from mien.data import dataset_from_rows, read_sources

    if len(sources) == 1 and (sources[0] / "manifest.json").exists():
        refuse_ignored("for a DATASET, whose classes were mapped by its import", "map_")
        return read_split_dataset(sources[0], split, fold)[0], None
    if split is not None:
        raise typer.BadParameter("--split needs a DATASET that `mien data import` made")
    refuse_ignored("without --split FILE", "fold")
    with progress_bars() as on_source:
        rows = read_sources(sources, label_map=_label_map(map_), on_source=on_source)
    return dataset_from_rows(rows, ", ".join(source.name for source in sources)), rows


def _label_map(given: list[str] | None) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in given or ()]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise InputError(f"--map {wrong[0]}: expected NAME=LABEL, for example wut=angry")
    return {name: label for name, _, label in pairs}


def _print_check(found: DataCheck) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    labels = list(dict.fromkeys(label for counts in found.counts.values() for label in counts))
    table = Table("subset", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for name in (*(label or "no label" for label in labels), "all"):
        table.add_column(name, justify="right")
    for subset, counts in found.counts.items():
        cells = [f"{counts.get(label, 0):,}" for label in labels]
        table.add_row(subset, *cells, f"{sum(counts.values()):,}")
    console.print(table)
    if found.near is not None:
        mirrored = int(found.near.mirrored.sum())
        pairs = pluralize(len(found.near), "pair of near copies", "pairs of near copies")
        console.print(f"{pairs}, {mirrored:,} mirrored")
    if found.votes is not None and found.votes.agreement is not None:
        by_label = ", ".join(
            f"{label} {share:.0%}" for label, share in found.votes.agreement_by_label.items()
        )
        console.print(
            f"{found.votes.agreement:.1%} of {found.votes.with_majority:,} images with a majority "
            f"have its label ({by_label})"
        )
    for fault in found.faults:
        console.print(f"unreadable: {printable(fault)}", style="red")
    for sentence in found.warnings:
        console.print(f"! {sentence}", style="yellow")
    if not found.warnings:
        console.print("nothing needs attention", style="green")
