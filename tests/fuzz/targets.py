"""The parsers of bytes from outside: for each, whole inputs and what is done with a damaged one."""

from __future__ import annotations

import dataclasses
import functools
import io
import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from mien._reading import read_csv
from mien.data import import_dataset, read_dataset, read_manifest, read_sources, read_split
from mien.data.splits import published_split
from mien.detect import OnnxDetector, yunet_spec
from mien.errors import InputError
from mien.evaluation import open_predictor
from mien.inference import EmotionModel
from mien.media import Video, read_image
from mien.runs.fingerprint import fingerprint
from mien.runs.journal import JOURNAL, Journal, SavedPosition
from mien.server.keys import KeyFile
from mien.server.store import Job, JobStore
from mien.spec import METADATA_KEY, ModelSpec
from mien.tuning.space import Space
from tests.fuzz.mutating import damaged_bytes, damaged_json
from tests.networks import detector_file, emotion_file
from tests.test_spec import EMOTION
from tests.videos import write_video

__all__ = ["TARGETS", "Target"]

SAMPLE = Path(__file__).parents[2] / "src" / "mien" / "assets" / "samples" / "eileen_collins.jpg"

Files = dict[str, bytes]
"""Whole inputs by the name of their file."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """A parser.

    Attributes:
        whole: Makes whole inputs in an empty folder.
        read: Reads a damaged one; what it returns has to be finite.
        damage: How inputs are damaged.
        cases: How many in the tests.
    """

    whole: Callable[[Path], Files]
    read: Callable[[Path], object]
    damage: Callable[[bytes, random.Random], bytes] = damaged_bytes
    cases: int = 200


def _photo(side: int) -> Image.Image:
    with Image.open(SAMPLE) as photo:
        return photo.convert("RGB").resize((side, side))


def _images(_: Path) -> Files:
    files = {}
    for kind in ("jpeg", "png", "gif", "webp", "bmp", "tiff"):
        packed = io.BytesIO()
        _photo(40).save(packed, kind)
        files[f"a.{kind}"] = packed.getvalue()
    packed = io.BytesIO()
    _photo(40).save(packed, "jpeg", progressive=True)
    return files | {"b.jpg": packed.getvalue()}


def _videos(folder: Path) -> Files:
    frame = np.asarray(_photo(64))
    for name, codec in (("a.mp4", "libx264"), ("a.avi", "mpeg4"), ("a.mkv", "libx264")):
        write_video(folder / name, [(number / 10, frame) for number in range(6)], codec=codec)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _read_video(path: Path) -> object:
    with Video(path) as video:
        return [(frame.timestamp_s, frame.rgb((8, 8)).shape) for frame in video.frames()]


def _emotion_networks(folder: Path) -> Files:
    return {"a.onnx": emotion_file(folder / "a.onnx").read_bytes()}


def _classify(path: Path) -> object:
    found = EmotionModel(path).classify(np.full((2, 48, 48), 90, np.float32))
    return found.probabilities, found.heads, found.outputs


def _detectors(folder: Path) -> Files:
    size = float(np.log(3))
    values = {"cls": 1, "obj": 1, "bbox": [0, 0, size, size], "kps": 0.5}
    return {"a.onnx": detector_file(folder / "a.onnx", values=values).read_bytes()}


def _detect(path: Path) -> object:
    return OnnxDetector(path).detect(np.full((64, 64, 3), 90, np.uint8))


def _specs(_: Path) -> Files:
    specs = {"emotion.json": EMOTION, "face.json": yunet_spec("toy")}
    return {name: spec.to_metadata()[METADATA_KEY].encode() for name, spec in specs.items()}


def _read_spec(path: Path) -> object:
    text = path.read_bytes().decode(errors="replace")
    spec = ModelSpec.from_metadata({METADATA_KEY: text}, path.name)
    if spec.six is None:
        return spec
    rng = np.random.default_rng(0)
    logits = {name: rng.normal(0, 1e3, (3, 8)) for name in spec.head_labels}
    labels = dict.fromkeys(spec.head_labels, "ferplus-8")
    return spec.six.probabilities(logits, labels)


def _recipes(_: Path) -> Files:
    from mien.training import recipe_text
    from mien.training.emotion_recipe import EmotionRecipe
    from mien.training.recipe import shipped_recipes

    shipped = {path.name: path.read_bytes() for path in shipped_recipes().values()}
    return shipped | {"every key.toml": recipe_text(EmotionRecipe()).encode()}


def _read_recipe(path: Path) -> object:
    from mien.training.emotion_recipe import EmotionRecipe
    from mien.training.recipe import read_recipe

    return dataclasses.asdict(read_recipe(EmotionRecipe, path))


_SPACE = b"""
objective = "score"
[parameters]
learning_rate = { low = 0.005, high = 0.2, log = true }
optimiser = { choices = ["sgd", "adamw"] }
epochs = { low = 2, high = 9, step = 1 }
momentum = { low = 0.8, high = 0.9, step = 0.05, when = { optimiser = "sgd" } }
network.dropout = { choices = [0.1, 0.2] }
network.widths = { choices = [[16, 32], [32, 48]] }
"""


def _spaces(_: Path) -> Files:
    from mien.tuning.space_file import shipped_spaces

    shipped = {path.name: path.read_bytes() for path in shipped_spaces().values()}
    return shipped | {"a.toml": _SPACE}


def _read_space(path: Path) -> object:
    from mien.training.emotion_recipe import EmotionRecipe
    from mien.tuning.space_file import read_space

    space = read_space(path, EmotionRecipe())
    space.start_point(EmotionRecipe())
    return space.document(), [parameter.grid() for parameter in space.parameters]


def _grey(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 48), np.uint8)


def _tables_of_images(_: Path) -> Files:
    names = "neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    images, votes = ["emotion,pixels,Usage"], [f"Usage,Image name,{names}"]
    for number, usage in enumerate(("Training", "Training", "PublicTest", "PrivateTest")):
        pixels = " ".join(map(str, _grey(number).ravel()))
        images.append(f"{number},{pixels},{usage}")
        votes.append(f"{usage},fer{number}.png,4,0,0,1,3,2,0,0,0,0")
    return {"a.csv": "\n".join(images).encode(), "votes.csv": "\n".join(votes).encode()}


def _read_sources(path: Path) -> object:
    rows = read_sources([path])
    return [record.label for record in rows.records], rows.votes


def _parquets(folder: Path) -> Files:
    import pyarrow as pa
    import pyarrow.parquet as pq

    packed = []
    for number in range(4):
        png = io.BytesIO()
        Image.fromarray(_grey(number)).save(png, "PNG")
        packed.append(png.getvalue())
    table = pa.table({"image": packed, "label": [0, 1, 2, 3], "split": ["train"] * 4})
    for compression in ("none", "zstd"):
        pq.write_table(table, folder / f"{compression}.parquet", compression=compression)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _dataset(folder: Path) -> Path:
    (folder / "a.csv").write_bytes(_tables_of_images(folder)["a.csv"])
    import_dataset([folder / "a.csv"], folder / "data")
    return folder / "data"


def _dataset_tables(folder: Path) -> Files:
    return {"dataset.parquet": (_dataset(folder) / "dataset.parquet").read_bytes()}


@functools.cache
def _manifest() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return (_dataset(Path(folder)) / "manifest.json").read_bytes()


def _read_dataset(path: Path) -> object:
    (path.parent / "manifest.json").write_bytes(_manifest())
    return read_dataset(path.parent).images


def _splits(folder: Path) -> Files:
    published_split(read_dataset(_dataset(folder))).write(folder / "split.json")
    return {"split.json": (folder / "split.json").read_bytes()}


def _predictions(folder: Path) -> Files:
    import pyarrow.csv
    import pyarrow.parquet as pq

    header = "row,p_happy,p_neutral,p_sad,p_angry,p_fear,p_surprise"
    rows = [f"{number},0.5,0.1,0.1,0.1,0.1,0.1" for number in range(20)]
    (folder / "a.csv").write_text("\n".join([header, *rows]))
    pq.write_table(pyarrow.csv.read_csv(folder / "a.csv"), folder / "a.parquet")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _read_predictions(path: Path) -> object:
    return open_predictor(path).known


def _curves(_: Path) -> Files:
    lines = ["epoch,val/score,train/loss", "1.0,0.25,3.5", "2.0,0.5,1e-3"]
    return {"metrics.csv": "\n".join(lines).encode()}


def _keys(_: Path) -> Files:
    document = {"keys": {"phone": "0123456789abcdef" * 4, "camera": "f" * 64}}
    return {"keys.json": json.dumps(document, indent=1).encode()}


def _checkpoints(folder: Path) -> Files:
    import torch

    state = {"network.weight": torch.zeros(2, 3)}
    loops = {"fit_loop": {"epoch_progress": {"current": {"processed": 3}}}}
    saved = {"state_dict": state, "loops": loops, "callbacks": {}}
    torch.save(saved, folder / "last.ckpt")
    return {"last.ckpt": (folder / "last.ckpt").read_bytes()}


def _read_checkpoint(path: Path) -> object:
    import torch

    from mien.training.run import is_finished
    from mien.training.weights import load_checkpoint_weights, read_checkpoint

    finished = is_finished(read_checkpoint(path), epochs=5, patience=1)
    load_checkpoint_weights(torch.nn.Linear(3, 2, bias=False), path)
    return finished


_EMPTY = Space(objective="score", parameters=())


def _storages(folder: Path) -> Files:
    import optuna

    from mien.tuning import open_storage

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for name in ("a.journal", "a.db"):
        study = optuna.create_study(study_name="s", storage=open_storage(str(folder / name)))
        study.set_user_attr("settings", {"space": json.dumps(_EMPTY.document())})
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    return {name: (folder / name).read_bytes() for name in ("a.journal", "a.db")}


def _read_storage(path: Path) -> object:
    from mien.options import TuneOptions
    from mien.tuning.study import open_study

    options = TuneOptions(study="s", sampler="random")
    study = open_study(str(path), space=_EMPTY, options=options, epochs=3, settings={})
    return len(study.get_trials())


def _jobs(folder: Path) -> Files:
    store = JobStore(folder / "jobs.sqlite")
    for number, state in enumerate(("queued", "running", "done", "queued")):
        options = {"max_fps": 5.0, "min_score": None}
        name = f"clip {number}.mp4"
        store.add(
            Job(
                id=f"job{number}",
                owner="a",
                name=name,
                options=options,
                state=state,
                created=float(number),
            )
        )
    store.close()
    return {"jobs.sqlite": (folder / "jobs.sqlite").read_bytes()}


def _read_jobs(path: Path) -> object:
    store = JobStore(path)
    try:
        found = [store.get(f"job{number}") for number in range(4)]
        while (job := store.claim()) is not None:
            store.set_state(job.id, "done")
        return [job.created for job in found if job is not None], store.count_by_state()
    finally:
        store.close()


def _journal(folder: Path) -> Journal:
    fingerprints = {"a.mp4": fingerprint(str(SAMPLE)), "b.png": None}
    return Journal(folder, {"max_fps": 5.0}, fingerprints)


def _journals(folder: Path) -> Files:
    _journal(folder).save(SavedPosition(length=3, position={"inputs": 1, "video": None}), now=True)
    return {JOURNAL: (folder / JOURNAL).read_bytes()}


def _read_journal(path: Path) -> object:
    saved = _journal(path.parent).read()
    return None if saved is None else dataclasses.asdict(saved)


TARGETS = {
    "images": Target(whole=_images, read=lambda path: read_image(path).frame_rgb, cases=600),
    "videos": Target(whole=_videos, read=_read_video, cases=150),
    "emotion networks": Target(whole=_emotion_networks, read=_classify, cases=200),
    "detectors": Target(whole=_detectors, read=_detect, cases=200),
    "specs": Target(whole=_specs, read=_read_spec, damage=damaged_json, cases=700),
    "recipes": Target(whole=_recipes, read=_read_recipe, cases=250),
    "spaces": Target(whole=_spaces, read=_read_space, cases=200),
    "tables of images": Target(whole=_tables_of_images, read=_read_sources, cases=200),
    "parquets of images": Target(whole=_parquets, read=_read_sources, cases=200),
    "tables of datasets": Target(whole=_dataset_tables, read=_read_dataset, cases=150),
    "manifests": Target(
        whole=lambda _: {"manifest.json": _manifest()},
        read=lambda path: dataclasses.asdict(read_manifest(path.parent)),
        damage=damaged_json,
    ),
    "splits": Target(whole=_splits, read=read_split, damage=damaged_json, cases=400),
    "tables of predictions": Target(whole=_predictions, read=_read_predictions, cases=300),
    "curves": Target(
        whole=_curves, read=lambda path: len(read_csv(path, InputError, expected="a curve"))
    ),
    "keys": Target(
        whole=_keys,
        read=lambda path: KeyFile(path).find_name("mien_x"),
        damage=damaged_json,
        cases=400,
    ),
    "checkpoints": Target(whole=_checkpoints, read=_read_checkpoint, cases=100),
    "jobs": Target(whole=_jobs, read=_read_jobs, cases=150),
    "journals": Target(whole=_journals, read=_read_journal, damage=damaged_json),
    "storages": Target(whole=_storages, read=_read_storage, cases=40),
}
