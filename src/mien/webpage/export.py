"""The web page as static files: what was built, the two networks, and the rules that they need.

The built page knows no label, size or threshold of its own. It reads `models/contract.json`, which
is written here out of the very objects that Python works with.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from mien import structures
from mien.detect import OnnxDetector, detector, tracks
from mien.emotions import COLOURS, LABEL_SETS, SIX, mapping_matrix
from mien.errors import ArtefactError, OutputError
from mien.inference import EmotionModel, VideoOptions, smoothing, video
from mien.spec import ModelSpec
from mien.track import SmoothingOptions

__all__ = ["BUILT_PAGE", "page_contract", "page_files", "write_web_page"]

_ASSETS = Path(__file__).parent.parent / "assets"

BUILT_PAGE = _ASSETS / "page"
"""Where `make web` puts the built page; a source checkout has it only afterwards."""

_SAMPLES = _ASSETS / "samples"

_LIST = "mien-page.json"
"""Beside an exported page: its files, so that the next export knows what it may replace."""


def page_contract(
    model: EmotionModel, faces: OnnxDetector, *, min_face_px: int = 24
) -> dict[str, Any]:
    """Return what the page has to know of models and rules, as plain values that JSON can hold.

    Args:
        model: The emotion network that the page will run.
        faces: The face detector that it will run.
        min_face_px: Faces whose shorter side is below this many pixels are left out.
    """
    options = VideoOptions()
    return {
        "version": importlib.metadata.version("mien"),
        "labels": list(SIX.labels),
        "colours": dict(COLOURS),
        "label_sets": {name: _label_set(name) for name in LABEL_SETS},
        "emotion": _model("emotion.onnx", model.path, model.spec),
        "face": _model("face.onnx", faces.path, faces.spec),
        "samples": [
            {"file": path.name, "title": path.stem.replace("_", " ").title()}
            for path in sorted(_SAMPLES.glob("*.jpg"))
        ],
        "smoothing": dataclasses.asdict(SmoothingOptions()) | {"least": smoothing.LEAST},
        "tracking": {
            "max_gap_s": options.max_gap_s,
            "farthest": tracks.FARTHEST,
            "largest_growth": tracks.LARGEST_GROWTH,
            "velocity_share": tracks.VELOCITY_SHARE,
        },
        "detection": {
            "min_face_px": min_face_px,
            "network_face_px": detector.NETWORK_FACE_PX,
            "longest_side_px": detector.LONGEST_SIDE_PX,
            "tile_overlap_px": detector.TILE_OVERLAP_PX,
            "cheap_side_px": detector.CHEAP_SIDE_PX,
            "close_side_px": detector.CLOSE_SIDE_PX,
            "largest_face_px": detector.LARGEST_FACE_PX,
            "live_face_px": video.SMALLEST_FACE_PX,
            "live_side_px": video.SHORTEST_SIDE_PX,
        },
        "unsure": {
            "small_px": structures.SMALL_PX,
            "cut": structures.MUCH_CUT,
            "turned": structures.MUCH_TURNED,
            "tilted_deg": structures.MUCH_TILTED_DEG,
            "dark": structures.DARK,
        },
    }


def page_files(model: EmotionModel, faces: OnnxDetector) -> Mapping[str, Path]:
    """Return the files that the page reads beside those that were built, by their address."""
    samples = {f"samples/{path.name}": path for path in sorted(_SAMPLES.glob("*.jpg"))}
    return {"models/emotion.onnx": model.path, "models/face.onnx": faces.path, **samples}


def write_web_page(
    folder: Path, model: EmotionModel, faces: OnnxDetector, *, overwrite: bool = False
) -> None:
    """Write the page as static files that any web server can host, under any path.

    Args:
        folder: Where to; it appears when it is whole.
        model: The emotion network that the page will run.
        faces: The face detector that it will run.
        overwrite: Whether a page that an earlier call wrote may be replaced; what else lies
            beside it or among its files stays.

    Raises:
        ArtefactError: The page was not built.
        OutputError: The folder exists already, holds other files under the page's names, or cannot
            be written.
    """
    if not (BUILT_PAGE / "index.html").is_file():
        raise ArtefactError(f"{BUILT_PAGE}: the web page is not built. Build it with: make web")
    before = list[str]()
    if folder.is_file() or (folder.exists() and any(folder.iterdir())):
        if not overwrite:
            raise OutputError(f"{folder}: exists already. Choose another name or pass --overwrite")
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
            for name, path in page_files(model, faces).items():
                (whole / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(path, whole / name)
            contract = json.dumps(page_contract(model, faces), indent=1)
            (whole / "models" / "contract.json").write_text(contract, encoding="utf-8")
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
    (folder / _LIST).write_text(text, encoding="utf-8")


def _listed(folder: Path) -> list[str] | None:
    """Return the files of the page that an earlier call wrote; None if none did."""
    try:
        found = json.loads((folder / _LIST).read_text(encoding="utf-8"))["files"]
        names = [PurePosixPath(name) for name in found]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if any(name.is_absolute() or not name.name or ".." in name.parts for name in names):
        return None
    return [name.as_posix() for name in names]


def _label_set(name: str) -> dict[str, Any]:
    known = LABEL_SETS[name]
    places = mapping_matrix(known, SIX)
    six = [int(row.argmax()) if row.any() else None for row in places]
    return {"labels": list(known.labels), "six": six}


def _model(file: str, path: Path, spec: ModelSpec) -> dict[str, Any]:
    data = path.read_bytes()
    document = dataclasses.asdict(spec)
    # A sketch of the training images serves `mien evaluate`; it is half of the document.
    document["provenance"].pop("training_sketch", None)
    digest = hashlib.sha256(data).hexdigest()
    return {"file": file, "sha256": digest, "bytes": len(data), "spec": document}
