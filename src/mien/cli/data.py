"""`mien data`: import labelled images, check them, split them and report on them."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mien._wording import pluralize
from mien.cli.defaults import PythonDefault
from mien.cli.messages import LOG, printable, refuse_ignored, verb
from mien.cli.options import Fold, SplitFile, read_split_dataset, require_extra
from mien.cli.progress import progress_bars
from mien.cli.verbs import Verbs
from mien.errors import InputError
from mien.options import MAX_SEED

if TYPE_CHECKING:
    from mien.data import DataCheck, Dataset, Rows
    from mien.reports import ShowSteps

__all__ = ["app"]

app = Verbs(no_args_is_help=True, rich_markup_mode=None)

_FINDINGS = 3
"""The exit status of a check that found something; 1 is for what failed, 2 for wrong usage."""

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
        help="The label of a class name or number; NAME=- leaves the class out.",
    ),
]
OwnClasses = Annotated[
    bool,
    typer.Option(
        "--own-classes", help="Keep names that are no known expression as classes of their own."
    ),
]
AlignFaces = Annotated[
    Literal["auto", "always", "never"],
    typer.Option(
        "--align",
        default_factory=PythonDefault("mien.data:import_dataset", "align"),
        help="Find and align the face: in all images but those of 48x48 pixels, in all, in none.",
    ),
]
WithoutFace = Annotated[
    Literal["drop", "keep", "error"],
    typer.Option(
        "--no-face",
        default_factory=PythonDefault("mien.data:import_dataset", "no_face"),
        help="What becomes of images in which no face is found.",
    ),
]
Group = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX|CSV|COLUMN|folder|none",
        help="Who an image shows: a pattern over its path with one group, a CSV of names and "
        "persons, a column of the tables, or the folder below or above its class.",
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN=VALUE",
        help="Take only the rows of tables whose column has this value; given several times for "
        "one column, one of the values.",
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
    own_classes: OwnClasses = False,
    align: AlignFaces,
    no_face: WithoutFace,
    group: Group = None,
    where: Where = None,
    overwrite: Overwrite = False,
) -> None:
    """Read labelled images of any supported form into one dataset, with faces found and aligned.

    Images of 48x48 pixels are face crops already. In all others the largest face is found, aligned
    and cut out.

    \b
    Examples:
      mien data import fer2013.csv fer2013new.csv --out fer
      mien data import faces/ --map wut=angry --map unsure=- --out mine
      mien data import sets.parquet --where set=ck48 --map contempt=- --out ck48
    """
    from mien.data import framed_text, import_dataset

    with progress_bars() as on_source:
        done = import_dataset(
            sources,
            out,
            label_map=_map(map_),
            own_classes=own_classes,
            align=align,
            no_face=no_face,
            group=group,
            where=_pairs("--where", where),
            overwrite=overwrite,
            on_source=on_source,
        )
    for note in done.notes:
        LOG.info(note)
    manifest = done.manifest
    subsets = ", ".join(f"{name} {sum(n.values()):,}" for name, n in manifest.subsets.items())
    people = f", {pluralize(manifest.people, 'person', 'people')}" if manifest.people else ""
    print(
        f"{out}: {pluralize(manifest.rows, 'image')} ({subsets}), {manifest.voted:,} with votes"
        + people
    )
    print(_classes_text(manifest.subsets))
    print(framed_text(manifest.framed))
    print(f"sha256 {manifest.sha256}" + ("; nothing had changed" if done.unchanged else ""))


def _classes_text(subsets: dict[str, dict[str, int]]) -> str:
    """List the classes with their numbers of images; own ones are marked."""
    from mien.emotions import FER2013_7

    counts: Counter[str] = Counter()
    for each in subsets.values():
        counts.update(each)
    own = {label: "" if label in FER2013_7.labels else " (own class)" for label in counts if label}
    named = [f"{label} {counts[label]:,}{own[label]}" for label in sorted(own)]
    return "classes: " + ", ".join(named + [f"no label {counts['']:,}"] * ("" in counts))


@app.command()
@verb
def check(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="DATASET|SOURCE...", help="A dataset, or sources to import."),
    ],
    *,
    map_: Map = None,
    own_classes: OwnClasses = False,
    align: AlignFaces,
    no_face: WithoutFace,
    group: Group = None,
    where: Where = None,
    split: SplitFile = None,
    fold: Fold = None,
    near: Near,
    find_faces: Annotated[
        bool, typer.Option("--find-faces", help="Look for a face in every image, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Find copies, leaks, conflicting labels, blank images, non-faces and doubtful labels.

    The exit status is 3 if something needs attention before training, and 1 if it could not be
    looked at.

    \b
    Examples:
      mien data check fer --split leak-free.json
      mien data check fer2013.csv fer2013new.csv --json > check.json
    """
    from mien.data import check_dataset
    from mien.detect import OnnxDetector

    data, rows = _read(
        sources,
        split,
        fold,
        label_map=_map(map_),
        own_classes=own_classes,
        align=align,
        no_face=no_face,
        group=group,
        where=_pairs("--where", where),
    )
    found = check_dataset(
        data,
        near=near,
        detector=OnnxDetector(),
        find_faces=find_faces,
        faults=rows.faults if rows is not None else (),
    )
    if as_json:
        print(json.dumps(found.to_json(), indent=1))
    else:
        _print_check(found)
    if found.warnings:
        raise typer.Exit(_FINDINGS)


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
    near: Annotated[
        bool | None,
        typer.Option(
            "--near/--no-near",
            help="Count near copies as copies; stratified does it by itself where no people are "
            "known.",
        ),
    ] = None,
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
            min=0,
            max=MAX_SEED,
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

    Images of one person stay in one subset of stratified and folds, if the import knew people.
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
        made = leak_free_split(data, near=bool(near))
    elif kind == "stratified":
        made = stratified_split(data, val=val, test=test, seed=seed, near=near)
    elif kind == "folds":
        made = group_folds(data, folds=folds, seed=seed, near=bool(near))
    elif kind == "fer-pp":
        made = fer_pp_split(data, selection=selection, seed=seed)
    else:
        made = published_split(data)
    made.write(out, overwrite=overwrite)
    counts = ", ".join(f"{subset} {count:,}" for subset, count in made.counts().items())
    print(f"{out}: {made.kind}: {counts}\nsha256 {made.sha256()}")
    if kind in ("stratified", "folds"):
        LOG.info(_people_note(data))
    else:
        _warn_of_shared_people(made.apply(data))
    if made.counts().get("val") == 0:
        LOG.warning(
            "WARNING: val is empty, so nothing can be trained on this split. Make another one with "
            "--kind stratified"
        )
    if kind == "stratified" and test and not made.counts()["test"]:
        LOG.warning(
            "WARNING: test is empty: there are too few people or different images for three "
            "subsets. Import images of more people, or pass --test 0"
        )


def _warn_of_shared_people(data: Dataset) -> None:
    from mien.data import shared_people

    shared = sum(shared_people(data, subset, "train") or 0 for subset in ("val", "test"))
    if shared:
        shows = pluralize(shared, "image shows", "images show")
        LOG.warning(
            f"WARNING: {shows} people in val or test who are in train, too, so figures on them are "
            "too good. Keep people together with --kind stratified or --kind folds"
        )


def _people_note(data: Dataset) -> str:
    if data.groups is None:
        return (
            "no people are known, so one person may be on both sides; only copies of an image are "
            "kept together. Import with --group to say who an image shows"
        )
    people = len(set(data.groups.tolist()) - {""})
    alone = int((data.groups == "").sum())
    rest = f"; {pluralize(alone, 'image')} of unknown people may be on any side" if alone else ""
    return f"each of {pluralize(people, 'person', 'people')} is on one side{rest}"


@app.command()
@verb
def render(
    head: Annotated[
        Path,
        typer.Argument(metavar="HEAD", help="The parametric head: head.npz, or its folder."),
    ],
    *,
    out: Annotated[Path, typer.Option(metavar="DATASET", help="The dataset's folder.")],
    count: Annotated[
        int,
        typer.Option(
            min=1,
            default_factory=PythonDefault("mien.data.render:render_dataset", "count"),
            help="How many heads.",
        ),
    ],
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            max=MAX_SEED,
            default_factory=PythonDefault("mien.data.render:render_dataset", "seed"),
            help="The random seed.",
        ),
    ],
    overwrite: Overwrite = False,
) -> None:
    """Render faces of nobody with known, graded expressions, to mix into a training.

    \b
    Examples:
      mien data render head.npz --out heads
      mien data render makehuman/ --count 30000 --seed 2 --out heads
    """
    require_extra("rendering", "data", "scipy", "pyarrow")
    from mien.data.render import render_dataset

    with progress_bars() as on_step:
        manifest = render_dataset(
            head,
            out,
            count=count,
            seed=seed,
            overwrite=overwrite,
            progress=on_step("rendering"),
        )
    print(f"{out}: {pluralize(manifest.rows, 'image')}, {manifest.voted:,} with votes")
    print(_classes_text(manifest.subsets))


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
    from mien.detect import OnnxDetector
    from mien.reports import data_report

    data, _ = read_split_dataset(dataset, split, fold)
    found = check_dataset(data, detector=OnnxDetector())
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
    sources: list[Path], split: Path | None, fold: int | None, **reading: Any
) -> tuple[Dataset, Rows | None]:
    from mien.data import dataset_from_rows, is_dataset, read_sources

    if len(sources) == 1 and is_dataset(sources[0]):
        refuse_ignored("for a DATASET, which was read by its import", "map_", *reading)
        return read_split_dataset(sources[0], split, fold)[0], None
    if split is not None:
        raise typer.BadParameter("--split needs a DATASET that `mien data import` made")
    refuse_ignored("without --split FILE", "fold")
    with progress_bars() as on_source:
        rows = read_sources(sources, on_source=on_source, **reading)
    for note in rows.notes:
        LOG.info(note)
    return dataset_from_rows(rows, ", ".join(source.name for source in sources)), rows


def _pairs(option: str, given: list[str] | None) -> dict[str, list[str]]:
    """Return the values of an option by their names."""
    pairs = [pair.partition("=") for pair in given or ()]
    if wrong := ["".join(pair) for pair in pairs if not (pair[0].strip() and pair[1])]:
        form = {"--map": "NAME=LABEL, for example wut=angry", "--where": "COLUMN=VALUE"}[option]
        raise InputError(f"{option} {wrong[0]}: expected {form}")
    values: dict[str, list[str]] = {}
    for name, _, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def _map(given: list[str] | None) -> dict[str, str]:
    """Return the label of each class name of `--map`."""
    pairs = _pairs("--map", given)
    for name, labels in pairs.items():
        if len(set(labels)) > 1:
            two = " and ".join(f"--map {name}={label}" for label in dict.fromkeys(labels))
            raise InputError(f"{two}: are of one class. Keep one of them")
    return {name: labels[0] for name, labels in pairs.items()}


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
    for note in found.notes:
        console.print(note)
    for fault in found.faults:
        console.print(f"unreadable: {printable(fault)}", style="red")
    for sentence in found.warnings:
        console.print(f"! {sentence}", style="yellow")
    if not found.warnings:
        console.print("nothing needs attention", style="green")
