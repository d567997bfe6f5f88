"""The report on a dataset, before and after preprocessing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien._wording import pluralize
from mien.data import DataCheck, Dataset, conflicting_groups, mostly_not_a_face
from mien.drawing import write_image
from mien.emotions import FERPLUS_8
from mien.reports.data.contact_sheet import contact_sheet
from mien.reports.data.dataset_tiles import dataset_tile, row_label, votes_text
from mien.reports.data.preprocessing_figures import ShowSteps, preprocessing_figures
from mien.reports.html.blocks import Tile, TileGroups, Tiles
from mien.reports.html.page import Figure, Page, Section, require_charts, write_page

__all__ = ["data_report"]

_PER_CLASS = 14
_GROUPS = 24
_EXTREMES = 36
_NOT_FACES = 80
_SEED = 1


def data_report(
    data: Dataset,
    check: DataCheck,
    path: str | Path,
    *,
    augmented: ShowSteps | None = None,
    figures: str | Path | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write the report on a dataset as one HTML file.

    Args:
        data: The dataset.
        check: The result of `check_dataset` for it.
        path: Where the report goes.
        augmented: Returns `(N, 48, 48)` uint8 images after each step of an augmentation; None
            leaves that figure out.
        figures: A folder for every figure as PNG, charts as SVG too; None writes none.
        overwrite: Whether an existing report may be replaced.

    Returns:
        The files written.

    Raises:
        OutputError: The file exists already or cannot be written.
        MissingExtraError: Altair, Jinja2, pyarrow or vl-convert is not installed.
    """
    require_charts()
    from mien.reports.data import figures as charts

    sheets: dict[str, Image.Image] = {}
    copies = list(_copies(data, check, charts.leaks_figure, charts.near_copies_figure))
    balance = [charts.balance_figure(check)] if len(check.counts) > 1 else []
    votes = data.votes.any()
    sections = [
        Section(
            title="The images",
            lead="The images of the dataset before preprocessing.",
            figures=[
                charts.counts_figure(check),
                *balance,
                _sample_faces(data, sheets),
                _mean_faces(data, sheets),
                charts.brightness_figure(data),
                charts.pixels_figure(data),
            ],
        ),
        Section(
            title="Copies and leaks",
            lead="Images that occur more than once, and their effect on figures."
            if copies
            else _without_copies(check),
            figures=copies,
        ),
    ]
    if votes:
        sections.append(
            Section(
                title="Labels and votes",
                lead="Ten people voted on each image. Where they disagree with the label or with "
                "each other, no prediction is correct for all of them.",
                figures=[
                    *charts.votes_figures(data),
                    charts.agreement_figure(data),
                    *_extremes(data, sheets),
                    *_not_faces(data, check, sheets),
                ],
            )
        )
    sections.append(
        Section(
            title="Preprocessing",
            lead="The images after each step between the file and the network's first layer.",
            figures=list(preprocessing_figures(data, augmented, sheets)),
        )
    )
    page = Page(
        title=f"Dataset {data.source}",
        lead="Labelled images of faces before and after preprocessing. A label says which "
        "expression a face shows to others, not what the person feels.",
        cards=_cards(data, check),
        notes_title="Check before training",
        notes=[*check.warnings, *check.notes],
        sections=sections,
        provenance=f"Dataset {data.source}, SHA-256 {data.sha256()}.",
    )
    written = write_page(page, path, figures=figures, overwrite=overwrite)
    if figures is not None:
        written += _save_sheets(sheets, Path(figures))
    return written


def _save_sheets(sheets: dict[str, Image.Image], folder: Path) -> Iterator[Path]:
    for name, sheet in sheets.items():
        path = folder / f"{name}.png"
        write_image(sheet, path)
        yield path


def _cards(data: Dataset, check: DataCheck) -> dict[str, str]:
    cards = {
        "images": f"{len(data):,}",
        "different images": f"{len(data) - check.copies:,}",
        "classes": str(len({int(label) for label in data.labels if label >= 0})),
    }
    test = [leak for leak in check.leaks if (leak.other, leak.subset) == ("train", "test")]
    if test:
        cards["of test also in train"] = f"{test[0].exact / test[0].images:.1%}"
    if check.votes is not None and check.votes.agreement is not None:
        cards["labels that match the majority"] = f"{check.votes.agreement:.1%}"
    return cards


def _sample_faces(data: Dataset, sheets: dict[str, Image.Image]) -> Figure:
    rng = np.random.default_rng(_SEED)
    rows: list[int] = []
    for number in range(len(data.label_names)):
        members = np.flatnonzero(data.labels == number)
        rows += sorted(rng.permutation(members)[:_PER_CLASS].tolist())
    tiles = [dataset_tile(data, row, votes_text(data, row)) for row in rows]
    votes = " with the most frequent votes" if data.votes.any() else ""
    if tiles:
        sheets["faces"] = contact_sheet([*data.images[rows]], columns=_PER_CLASS)
    return Figure(
        title="Random faces",
        sentence=f"A random sample of each class{votes}.",
        body=[Tiles(tiles=tiles, name="random-faces-tiles", filterable=True)],
    )


def _mean_faces(data: Dataset, sheets: dict[str, Image.Image]) -> Figure:
    means, spreads = [], []
    shown: dict[str, list[NDArray[np.uint8]]] = {"mean": [], "spread": []}
    for number, label in enumerate(data.label_names):
        images = data.images[data.labels == number].astype(np.float32)
        if not len(images):
            continue
        spread = images.std(axis=0)
        stretched = 255 * (spread - spread.min()) / max(float(np.ptp(spread)), 1e-6)
        shown["mean"].append(images.mean(axis=0).round().astype(np.uint8))
        shown["spread"].append(stretched.round().astype(np.uint8))
        means.append(Tile(image=shown["mean"][-1], label=label))
        spreads.append(Tile(image=shown["spread"][-1], label=label, text="spread"))
    if means:
        sheets["mean-faces"] = contact_sheet([*shown["mean"], *shown["spread"]], columns=len(means))
    body = [
        Tiles(tiles=means, name="means", large=True),
        Tiles(tiles=spreads, name="spreads", large=True),
    ]
    return Figure(
        title="Mean face of each class",
        sentence="Above, the mean of each pixel. Below, its standard deviation; bright pixels vary "
        "most. Mouth and brows differ between classes, the background within each class.",
        body=body,
    )


def _without_copies(check: DataCheck) -> str:
    """Return the sentence for a dataset without copies between subsets and without conflicts."""
    near = "" if check.near is None else ", and there are no near copies"
    if not check.copies:
        return f"No image occurs more than once{near}."
    copies = pluralize(check.copies, "image is a copy", "images are copies")
    return f"{copies} of an earlier one in the same subset and with the same label."


def _copies(
    data: Dataset,
    check: DataCheck,
    leaks_figure: Callable[[DataCheck], Figure | None],
    near_figure: Callable[[DataCheck], Figure | None],
) -> Iterator[Figure]:
    leaks = leaks_figure(check)
    if leaks is not None:
        yield leaks
    conflicts = conflicting_groups(data, check.groups)
    if conflicts:
        groups = [
            [dataset_tile(data, int(row), f"row {data.rows[row]}") for row in rows[:3]]
            for rows in conflicts[:_GROUPS]
        ]
        yield Figure(
            title="One image with two labels",
            sentence=f"{pluralize(len(conflicts), 'group')} of pixel-identical images with "
            f"different labels, {len(groups)} shown. At least one label of each group is wrong.",
            body=[TileGroups(groups)],
        )
    near = near_figure(check)
    if near is not None:
        yield near
        yield _near_examples(data, check)


def _near_examples(data: Dataset, check: DataCheck) -> Figure:
    pairs = check.near
    if pairs is None:
        raise ValueError("near copies were not searched")
    other = np.flatnonzero(check.groups[pairs.first] != check.groups[pairs.second])
    chosen = np.sort(np.random.default_rng(_SEED).permutation(other)[:_GROUPS])
    groups = []
    for number in chosen:
        how = f"{pairs.correlation[number]:.3f}" + (" mirrored" if pairs.mirrored[number] else "")
        groups.append(
            [
                dataset_tile(data, int(row), text)
                for row, text in (
                    (pairs.first[number], f"row {data.rows[pairs.first[number]]}"),
                    (pairs.second[number], how),
                )
            ]
        )
    return Figure(
        title="Near copies side by side",
        sentence="Random pairs with their correlation: the same photo in another crop or size, or "
        "mirrored.",
        body=[TileGroups(groups)],
    )


def _extremes(data: Dataset, sheets: dict[str, Image.Image]) -> Iterator[Figure]:
    expressions = data.votes[:, : len(FERPLUS_8)].astype(np.float64)
    total = expressions.sum(axis=1)
    mostly = np.flatnonzero(2 * total > data.votes.sum(axis=1))
    if not len(mostly):
        return
    shares = expressions[mostly] / total[mostly, None]
    logs = np.log(shares, where=shares > 0, out=np.zeros_like(shares))
    entropy = -(shares * logs).sum(axis=1)
    most = mostly[np.argsort(-entropy, kind="stable")[:_EXTREMES]]
    tiles = [dataset_tile(data, row, votes_text(data, row)) for row in most.tolist()]
    sheets["most-disputed"] = contact_sheet([*data.images[most]], columns=12)
    yield Figure(
        title="Faces with the least agreement",
        sentence="The faces on which voters disagree most. A model should be unsure about them.",
        body=[Tiles(tiles=tiles, name="disputed")],
    )
    # Voters agree fully on many faces: the same number of each expression is shown.
    agreed: list[int] = []
    rng = np.random.default_rng(_SEED)
    for number in range(len(FERPLUS_8)):
        best = mostly[shares[:, number].argsort(kind="stable")[::-1]]
        unanimous = best[expressions[best, number] == data.votes[best].sum(axis=1)]
        pool = rng.permutation(unanimous) if len(unanimous) >= 5 else best
        agreed += pool[:5].tolist()
    tiles = [dataset_tile(data, row, votes_text(data, row)) for row in agreed]
    sheets["most-agreed"] = contact_sheet([*data.images[agreed]], columns=10)
    yield Figure(
        title="Faces with the most agreement",
        sentence="Five faces of each expression on which voters agree most. For fear, disgust and "
        "contempt even these are not clear.",
        body=[Tiles(tiles=tiles, name="agreed")],
    )


def _not_faces(data: Dataset, check: DataCheck, sheets: dict[str, Image.Image]) -> Iterator[Figure]:
    rows = np.flatnonzero(mostly_not_a_face(data.votes))
    if not len(rows):
        return
    blank = set(check.blank.tolist())
    shown = sorted(rows.tolist(), key=lambda row: row not in blank)[:_NOT_FACES]
    tiles = [
        Tile(
            image=data.images[r],
            label="blank" if r in blank else "no face",
            text=f"labelled {row_label(data, r)}",
        )
        for r in shown
    ]
    sheets["not-faces"] = contact_sheet([*data.images[shown]], columns=20)
    yield Figure(
        title="Not a face",
        sentence=f"{pluralize(len(rows), 'image')} with as many votes for “not a face” as for any "
        f"expression, {len(blank)} of them blank, {len(shown)} shown. They have labels all the "
        "same. Leave them out of training.",
        body=[Tiles(tiles=tiles, name="not-faces-tiles", filterable=True)],
    )
