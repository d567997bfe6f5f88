"""The web page as static files: what was built, the networks, and the contract."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from mien._output import whole_file
from mien._reading import read_json
from mien.detect import FileDetector
from mien.errors import ArtefactError, OutputError
from mien.inference import EmotionModel, UnitModel
from mien.inference.units import SHIPPED as SHIPPED_UNITS
from mien.webpage.contract import SAMPLES, page_contract

__all__ = ["BUILT_PAGE", "page_files", "write_web_page"]

BUILT_PAGE = Path(__file__).parent.parent / "assets" / "page"
"""Where `web/build.py` puts the built page; a source checkout has it only afterwards."""

_LIST = "mien-page.json"
"""Beside an exported page: its files, so that the next export knows what it may replace."""


def page_files(
    model: EmotionModel, detector: FileDetector, *, unit_model: UnitModel | None = None
) -> Mapping[str, Path]:
    """Return the files that the page reads beside those that were built, by their address.

    Args:
        model: The emotion network.
        detector: The face detector.
        unit_model: The network of expression units; None takes the shipped one.
    """
    return {
        "models/emotion.onnx": model.path,
        "models/face.onnx": detector.path,
        "models/units.onnx": SHIPPED_UNITS if unit_model is None else unit_model.path,
        **{f"samples/{path.name}": path for path in sorted(SAMPLES.glob("*.jpg"))},
    }


def write_web_page(
    folder: Path,
    model: EmotionModel,
    detector: FileDetector,
    *,
    unit_model: UnitModel | None = None,
    overwrite: bool = False,
) -> None:
    """Write the page as static files that any web server can host, under any path.

    Args:
        folder: Where to; it appears when it is whole.
        model: The emotion network that the page will run.
        detector: The face detector that it will run.
        unit_model: The network of expression units that it will run if a visitor asks for them;
            None takes the shipped one.
        overwrite: Whether a page that an earlier call wrote may be replaced; what else lies
            beside it or among its files stays.

    Raises:
        ArtefactError: The page was not built.
        OutputError: The folder exists already, holds other files under the page's names, or cannot
            be written.
    """
    if not (BUILT_PAGE / "index.html").is_file():
        raise ArtefactError(
            f"{BUILT_PAGE}: the web page is not built. Build it in a checkout with: python "
            "web/build.py"
        )
    before = list[str]()
    if folder.is_file() or (folder.exists() and any(folder.iterdir())):
        if not overwrite:
            raise OutputError(
                f"{folder}: exists already. Choose another name or pass overwrite=True"
            )
        if (listed := _listed(folder)) is None:
            raise OutputError(
                f"{folder}: holds something else than an exported page (there is no {_LIST} that "
                "names its files). Choose a new or empty folder"
            )
        before = listed
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".page-") as temporary:
            whole = Path(temporary) / "page"
            shutil.copytree(BUILT_PAGE, whole)
            for name, path in page_files(model, detector, unit_model=unit_model).items():
                (whole / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(path, whole / name)
            told = page_contract(model, detector, unit_model=unit_model)
            contract = json.dumps(told, indent=1)
            (whole / "models" / "contract.json").write_text(contract, encoding="utf-8")
            for path in sorted((whole / "models").iterdir()):
                # As the build does beside its own files, for hosts that send such copies.
                packed = path.with_name(path.name + ".gz")
                packed.write_bytes(gzip.compress(path.read_bytes(), 6, mtime=0))
            files = sorted(p.relative_to(whole).as_posix() for p in whole.rglob("*") if p.is_file())
            if folder.exists():
                _replace_page(folder, whole, before=before, now=files)
            else:
                _write_list(whole, files)
                whole.rename(folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error}") from error


def _replace_page(folder: Path, whole: Path, *, before: list[str], now: list[str]) -> None:
    """Put a page into a folder, file by file, and take away what only the one before had.

    The page that names the others comes last, and so does the removal.
    """
    for name in (*now, *before):
        links = [each for each in _parents(folder, name) if each.is_symlink()]
        if links:
            raise OutputError(f"{links[0]}: is a link, expected a folder of the page. Remove it")
    if others := [name for name in now if name not in before and os.path.lexists(folder / name)]:
        raise OutputError(f"{folder / others[0]}: is not of the page that lies there. Move it")
    _write_list(folder, [*before, *now])  # of both, in case that this is where it ends
    for name in sorted(now, key=lambda name: name == "index.html"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (whole / name).replace(folder / name)
    for name in set(before).difference(now):
        (folder / name).unlink(missing_ok=True)
        for parent in _parents(folder, name):
            with contextlib.suppress(OSError):  # as long as others have something there
                parent.rmdir()
    _write_list(folder, now)


def _parents(folder: Path, name: str) -> list[Path]:
    """Return the folders between a page's folder and one of its files, the innermost first."""
    return [folder / each for each in PurePosixPath(name).parents][:-1]


def _write_list(folder: Path, names: list[str]) -> None:
    text = json.dumps({"files": sorted(set(names))}, indent=1) + "\n"
    with whole_file(folder / _LIST) as partial:
        partial.write_text(text, encoding="utf-8")


def _listed(folder: Path) -> list[str] | None:
    """Return the files of the page that an earlier call wrote; None if none did."""
    try:
        found = read_json(folder / _LIST, ArtefactError, expected="a list of files")["files"]
        names = [PurePosixPath(name) for name in found]
    except (ArtefactError, KeyError, TypeError):
        return None
    if any(name.is_absolute() or not name.name or ".." in name.parts for name in names):
        return None
    return [name.as_posix() for name in names]
