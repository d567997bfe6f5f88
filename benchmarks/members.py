r"""Networks for a machine with a GPU: members of three kinds, and students that they teach.

    mien data import fer2013/ --out fer
    python benchmarks/members.py pack --data fer --out runs/pack          # where the data are
    PYTHONPATH=src python benchmarks/members.py train --pack runs/pack \
        --work /dev/shm/members --out out --minutes 9                      # where the GPU is
    python benchmarks/members.py models --data fer --weights out --out runs/members

`pack` writes images, labels, splits and copies as a few small files. `train` needs torch,
lightning, onnx and onnxruntime of any recent version beside numpy and Pillow; it trains what
`members.toml` lists, in that order, several side by side, since one network of this size leaves a
large GPU idle between its steps. What it was not done with in its minutes the same command goes on
with, as long as `--work` is there. `--out` gets a line of log per epoch, the figures, and the
weights of whatever has ended, as float16 in files of at most 15 MB; of one call at most 60 MB, the
next call brings the rest. `models` makes model files of them, which can teach or be evaluated.

Everything is chosen on each split's `val`, without the images that have a near copy in its
`train`; nobody looks at `test`. FER-PP's split keeps a part of its training images for that.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import shutil
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
PLAN = HERE / "members.toml"
FACTS, WEIGHTS, ANSWERS = "facts.json", "weights.npz", "answers.npz"
FAILED, BROUGHT = "failed", "brought"
LOG, FIGURES = "log.txt", "figures.json"

BUNDLE_BYTES, MAX_BUNDLES = 15_000_000, 4
"""Size and number of the files that weights of one call travel in."""

SELECTION, SELECTION_SEED = 0.06, 1
"""Share of FER-PP's training images that is chosen on."""

PROTOCOL_NAMES = ("ferplus-8", "fer2013-7", "fer2013-6")
"""The protocols that are reported on the selection subset."""

SMOKE_IMAGES, SMOKE_BATCH = 100, 32


def main() -> None:
    """Do what the command says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    verbs = parser.add_subparsers(required=True)
    pack_verb = verbs.add_parser("pack", help="write images and splits for another machine")
    pack_verb.add_argument("--data", type=Path, required=True, help="FER-2013, imported")
    pack_verb.add_argument("--out", type=Path, required=True)
    pack_verb.add_argument("--files", type=int, default=2, help="files of images")
    pack_verb.set_defaults(do=pack)
    train_verb = verbs.add_parser(
        "train", help="train what members.toml lists, as far as time goes"
    )
    train_verb.add_argument("--pack", type=Path, required=True, nargs="+", help="its folders")
    train_verb.add_argument("--work", type=Path, required=True, help="runs; keep it to go on")
    train_verb.add_argument("--out", type=Path, required=True, help="log, figures, weights")
    train_verb.add_argument("--minutes", type=float, default=9.0, help="stop after these")
    train_verb.add_argument("--jobs", type=int, default=4, help="trainings side by side")
    train_verb.add_argument("--share", type=float, default=1.0, help="of the listed epochs")
    train_verb.add_argument("--smoke", action="store_true", help="2 steps on 100 images, here")
    train_verb.add_argument("--only", help=argparse.SUPPRESS)  # a process of `train`
    train_verb.set_defaults(do=train)
    models_verb = verbs.add_parser("models", help="make model files of weights")
    models_verb.add_argument("--data", type=Path, required=True, help="FER-2013, imported")
    models_verb.add_argument("--weights", type=Path, required=True, nargs="+", help="folders")
    models_verb.add_argument("--out", type=Path, required=True)
    models_verb.add_argument("--only", nargs="+", help="names of networks, published/student say")
    models_verb.set_defaults(do=models)
    arguments = parser.parse_args()
    arguments.do(arguments)


@dataclasses.dataclass(frozen=True)
class Task:
    """One network that is to be trained.

    Attributes:
        name: Its split and its name in `members.toml`, with a slash between.
        document: Its recipe's keys; a student's lack its teachers.
        teachers: The names of the members that teach it; none teach a member.
    """

    name: str
    document: Mapping[str, Any]
    teachers: tuple[str, ...]

    @property
    def split(self) -> str:
        """The split that it is trained for."""
        return self.name.partition("/")[0]

    def recipe(self, work: Path, ended: Sequence[str]) -> Any:
        """Return its recipe, taught by those of its teachers that have ended."""
        from mien._decode import decode
        from mien.training import EmotionRecipe

        document = dict(self.document)
        if self.teachers:
            taught = [str(work / name) for name in self.teachers if name in ended]
            most = min(document["distillation"].get("teachers_per_step", 0), len(taught))
            document["distillation"] = document["distillation"] | {
                "teachers": taught,
                "teachers_per_step": most,
            }
        return decode(EmotionRecipe, document)


def read_plan(*, share: float = 1.0, smoke: bool = False) -> list[Task]:
    """Return the networks of `members.toml` in its order.

    Args:
        share: Of their epochs.
        smoke: Whether to make them so small and few that a CPU trains them in seconds: one of each
            family, and one student.
    """
    plan = tomllib.loads(PLAN.read_text(encoding="utf-8"))
    tasks, families = [], set()
    for name in plan["order"]:
        split, _, own = name.partition("/")
        student = own in plan["students"]
        said = plan["base"] | (plan["students"][own] if student else plan["members"][own])
        said["epochs"] = max(1, round(share * said["epochs"]))
        if smoke:
            kind = "student" if student else said["network"].get("family", "plain")
            if (split, kind) in families:
                continue
            families.add((split, kind))
            said |= {"epochs": 1, "batch_size": SMOKE_BATCH, "precision": "32-true"}
            widths = [max(4, width // 32) for width in said["network"]["widths"]]
            said["network"] = said["network"] | {"widths": widths}
        said["warmup_epochs"] = min(said["warmup_epochs"], said["epochs"] / 5)
        taught_by = [
            each.name for each in tasks if student and each.split == split and not each.teachers
        ]
        tasks.append(Task(name, said, tuple(taught_by)))
    return tasks


# Images on their way to another machine.


def pack(arguments: argparse.Namespace) -> None:
    """Write a dataset as files that another machine reads without a Parquet or a registry."""
    import tomli_w

    from mien.data import (
        exact_groups,
        fer_pp_split,
        near_groups,
        published_split,
        read_dataset,
    )

    data, out = read_dataset(arguments.data), arguments.out
    out.mkdir(parents=True, exist_ok=True)
    parts = np.array_split(data.images, arguments.files)
    for number, images in enumerate(parts):
        column = Image.fromarray(images.reshape(-1, images.shape[2]))
        column.save(out / f"images-{number}.png", optimize=True)
    groups = near_groups(data.images, exact_groups(data.images))
    facts = {"labels": data.labels, "votes": data.votes, "split": data.split, "rows": data.rows}
    np.savez_compressed(out / "facts.npz", groups=groups, source=data.source, **facts)
    published_split(data).write(out / "published.json", overwrite=True)
    divided = fer_pp_split(data, selection=SELECTION, seed=SELECTION_SEED)
    divided.write(out / "fer-pp.json", overwrite=True)
    # Of all that mien's training needs this is what a machine with torch most likely lacks.
    ignored = shutil.ignore_patterns("__pycache__")
    tomli = Path(tomli_w.__file__).parent
    shutil.copytree(tomli, out / "tomli_w", ignore=ignored, dirs_exist_ok=True)
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def unpack(folders: Sequence[Path], split: str) -> tuple[Any, np.ndarray]:
    """Return a packed dataset, with its split, and a mask `(N,)` of the images that are chosen on.

    Args:
        folders: Where the files lie; they may have travelled apart.
        split: `published` or `fer-pp`.
    """
    from mien.data import SUBSETS, Dataset, read_split

    found = {path.name: path for folder in folders for path in folder.iterdir()}
    names = sorted(name for name in found if name.startswith("images-"))
    # A column of all images has more pixels than Pillow takes for an image by itself.
    Image.MAX_IMAGE_PIXELS = None
    columns = [np.asarray(Image.open(found[name])) for name in names]
    with np.load(found["facts.npz"]) as facts:
        data = Dataset(
            images=np.concatenate(columns).reshape(-1, 48, 48),
            source=str(facts["source"]),
            **{name: facts[name] for name in ("labels", "votes", "split", "rows")},
        )
        groups = facts["groups"]
    data = read_split(found[f"{split}.json"]).apply(data)
    train, val = (data.split == SUBSETS.index(part) for part in ("train", "val"))
    return data, val & ~np.isin(groups, groups[train])


# Training.


def train(arguments: argparse.Namespace) -> None:
    """Train in the plan's order until all is done or the minutes are over."""
    sys.path += [str(folder) for folder in arguments.pack]  # for the tomli_w that lies there
    tasks = read_plan(share=arguments.share, smoke=arguments.smoke)
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.only:
        (task,) = (task for task in tasks if task.name == arguments.only)
        train_one(task, arguments)
    elif arguments.smoke:
        for task in tasks:
            train_one(task, arguments)
            bring(tasks, arguments)
    else:
        train_side_by_side(tasks, arguments)


def train_side_by_side(tasks: Sequence[Task], arguments: argparse.Namespace) -> None:
    """Train each network in a process of its own, as many at once as asked for."""
    deadline = time.monotonic() + 60 * arguments.minutes
    running: dict[str, subprocess.Popen[bytes]] = {}
    bring(tasks, arguments)
    while time.monotonic() < deadline:
        failed = {task.name for task in tasks if (arguments.work / task.name / FAILED).exists()}
        over = failed.union(ended(tasks, arguments.work))
        waiting = [task for task in tasks if task.name not in over | running.keys()]
        ready = [task for task in waiting if over.issuperset(task.teachers)]
        if not waiting and not running:
            break
        for task in ready[: arguments.jobs - len(running)]:
            running[task.name] = start(task, arguments)
        time.sleep(0.2)
        for name, process in list(running.items()):
            if process.poll() is None:
                continue
            del running[name]
            if process.returncode:
                # Not tried again: its students would then have other teachers than they began with.
                (arguments.work / name).mkdir(exist_ok=True)
                (arguments.work / name / FAILED).touch()
                said = output_file(name, arguments.work).read_text(encoding="utf-8")
                print(f"{name}: failed\n{said[-2000:]}", flush=True)
            bring(tasks, arguments)
    for process in running.values():
        process.terminate()
    for process in running.values():
        process.wait()
    print(f"{len(ended(tasks, arguments.work))} of {len(tasks)} done", flush=True)


def start(task: Task, arguments: argparse.Namespace) -> subprocess.Popen[bytes]:
    """Start the process that trains a network."""
    command = [sys.executable, __file__, "train", "--only", task.name]
    command += ["--pack", *map(str, arguments.pack), "--work", str(arguments.work)]
    command += ["--out", str(arguments.out), "--share", str(arguments.share)]
    path = output_file(task.name, arguments.work)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)


def output_file(name: str, work: Path) -> Path:
    """Return where the output of a training goes: beside its folder, which must begin empty."""
    return work / f"{name}.txt"


def train_one(task: Task, arguments: argparse.Namespace) -> None:
    """Train one network, or go on with it, and note its weights and what it says of `val`."""
    import torch

    from mien.training import DeviceOptions, train_emotion

    torch.backends.cudnn.benchmark = True
    data, selection = unpack(arguments.pack, task.split)
    if arguments.smoke:
        few = np.sort(
            np.concatenate((np.flatnonzero(data.split == 0)[:64], np.flatnonzero(selection)))
        )
        few = few[:SMOKE_IMAGES]
        data, selection = data.select(few), selection[few]
    others = ended(read_plan(), arguments.work)
    recipe, folder = task.recipe(arguments.work, others), arguments.work / task.name
    began = time.monotonic()

    def log(row: Mapping[str, float]) -> None:
        losses = {name: value for name, value in row.items() if name.startswith(("train/", "val/"))}
        said = ", ".join(f"{name} {value:.4f}" for name, value in losses.items())
        line = f"{task.name} epoch {row['epoch']:.0f}/{recipe.epochs}, "
        line += f"{time.monotonic() - began:.1f} s: {said}\n"
        with (arguments.out / LOG).open("a", encoding="utf-8") as file:
            file.write(line)

    module = train_emotion(
        recipe,
        data,
        out=folder,
        resume=True,
        devices=DeviceOptions(accelerator="cpu" if arguments.smoke else "auto", devices=1),
        on_epoch=log,
        progress=False,
    )
    np.savez(folder / ANSWERS, **answers(module.network, data.images[selection]))
    state = {
        name: halved(value.cpu().numpy()) for name, value in module.network.state_dict().items()
    }
    np.savez(folder / WEIGHTS, **state)
    facts = dict(module.provenance) | {"recipe": task.name, "seed": str(recipe.seed)}
    network = dataclasses.asdict(recipe.network)
    parameters = sum(value.numel() for value in module.network.parameters())
    labels = {name: truth(name, data.select(selection)).tolist() for name in PROTOCOL_NAMES}
    noted = {"network": network, "parameters": parameters, "facts": facts, "labels": labels}
    partial = folder / f"{FACTS}.partial"
    partial.write_text(json.dumps(noted), encoding="utf-8")
    partial.replace(folder / FACTS)


def answers(network: Any, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return a network's probabilities by label set, the mean over images and mirrored ones."""
    import torch

    from mien.models.emotion import PIXEL_MEAN, PIXEL_STD

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = network.to(device).eval()
    found: dict[str, list[np.ndarray]] = {"ferplus-8": [], "fer2013-7": []}
    with torch.no_grad():
        for part in torch.from_numpy(images).split(512):
            faces = (part.unsqueeze(1).to(device).float() - PIXEL_MEAN) / PIXEL_STD
            both = [network(view) for view in (faces, faces.flip(3))]
            ferplus = sum(each.logits.softmax(dim=1) for each in both) / 2
            fer2013 = sum(each.fer2013_logits.softmax(dim=1) for each in both) / 2
            found["ferplus-8"].append(ferplus.cpu().numpy())
            found["fer2013-7"].append(fer2013.cpu().numpy())
    return {name: np.concatenate(parts) for name, parts in found.items()}


def halved(value: np.ndarray) -> np.ndarray:
    """Return kernels and matrices as float16; norms and biases are few and stay as they are."""
    return value.astype(np.float16) if value.ndim > 1 else value


# What comes back.


def ended(tasks: Sequence[Task], work: Path) -> list[str]:
    """Return the names of the networks whose training has ended."""
    return [task.name for task in tasks if (work / task.name / FACTS).exists()]


def truth(protocol: str, data: Any) -> np.ndarray:
    """Return each image's label by a protocol; -1 does not count."""
    from mien.metrics import PROTOCOLS

    return PROTOCOLS[protocol].labels(data.labels, data.votes)


def bring(tasks: Sequence[Task], arguments: argparse.Namespace) -> None:
    """Write the figures of all that has ended, and the weights that were not brought before."""
    names = ended(tasks, arguments.work)
    members = {task.name for task in tasks if not task.teachers}
    figures = score_members(arguments.work, names, members)
    (arguments.out / FIGURES).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    for name in names:
        brought = arguments.work / name / BROUGHT
        if not brought.exists() and bundle(arguments.work, name, arguments.out):
            brought.touch()
            print(f"{name}: {json.dumps(figures[name])}", flush=True)


def score_members(work: Path, names: Sequence[str], members: set[str]) -> dict[str, Any]:
    """Return each network's accuracies on its selection subset, and what members reach as one.

    What a member adds is the difference that it makes to the mean of all probabilities.
    """
    figures: dict[str, Any] = {}
    for split in sorted({name.partition("/")[0] for name in names}):
        own = [name for name in names if name.startswith(f"{split}/")]
        said = {name: dict(np.load(work / name / ANSWERS)) for name in own}
        noted = {name: json.loads((work / name / FACTS).read_text("utf-8")) for name in own}
        labels = {key: np.array(value) for key, value in noted[own[0]]["labels"].items()}
        together = [name for name in own if name in members]
        whole = accuracies(mean_of([said[name] for name in together]), labels)
        figures[f"{split}/all members"] = {"members": len(together)} | whole
        for name in own:
            alone = accuracies(said[name], labels)
            figures[name] = {"parameters": noted[name]["parameters"]} | alone
            others = [said[other] for other in together if other != name]
            if name in members and others:
                without = accuracies(mean_of(others), labels)
                adds = {key: round(whole[key] - without[key], 2) for key in PROTOCOL_NAMES}
                figures[name]["adds"] = adds
    return figures


def mean_of(said: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the mean of several networks' probabilities."""
    return {key: np.mean([each[key] for each in said], axis=0) for key in said[0]} if said else {}


def accuracies(
    said: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Return accuracies in percent by protocol; of no answers none."""
    from mien.metrics import PROTOCOLS

    found = {}
    for key in PROTOCOL_NAMES:
        probabilities = PROTOCOLS[key].probabilities(said)
        if probabilities is not None and (known := labels[key] >= 0).any():
            right = probabilities.argmax(axis=1)[known] == labels[key][known]
            found[key] = round(100 * float(right.mean()), 2)
    return found


def bundle(work: Path, name: str, out: Path) -> bool:
    """Add a network's weights to the files that travel; say whether there was room."""
    entries = {f"{name}/{FACTS}": (work / name / FACTS).read_bytes()}
    with np.load(work / name / WEIGHTS) as weights:
        for key, value in weights.items():
            stored = io.BytesIO()
            np.save(stored, value)
            entries[f"{name}/{key}.npy"] = stored.getvalue()
    files = [out / f"weights-{number}.zip" for number in range(MAX_BUNDLES)]
    sizes = [path.stat().st_size if path.exists() else 0 for path in files]
    places = {}
    for key, content in entries.items():
        needed = len(content) + 4 * len(key) + 400  # with the archive's own two headers
        fitting = [index for index, size in enumerate(sizes) if size + needed <= BUNDLE_BYTES]
        if not fitting:
            return False
        places[key] = fitting[0]
        sizes[fitting[0]] += needed
    for index in sorted(set(places.values())):
        with zipfile.ZipFile(files[index], "a") as archive:
            for key, content in entries.items():
                if places[key] == index:
                    archive.writestr(key, content)
    return True


def unbundled(folders: Sequence[Path]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield name, facts and weights of each network in some folders of `train --out`."""
    found: dict[str, dict[str, bytes]] = {}
    for path in sorted(path for folder in folders for path in folder.glob("weights-*.zip")):
        with zipfile.ZipFile(path) as archive:
            for key in archive.namelist():
                name, _, entry = key.rpartition("/")
                found.setdefault(name, {})[entry] = archive.read(key)
    for name, entries in found.items():
        facts = json.loads(entries.pop(FACTS))
        weights = {
            entry.removesuffix(".npy"): np.load(io.BytesIO(content))
            for entry, content in entries.items()
        }
        yield name, facts, weights


def models(arguments: argparse.Namespace) -> None:
    """Write the model files of weights that came back, calibrated on each split's `val`."""
    import torch

    from mien._decode import decode
    from mien.data import fer_pp_split, published_split, read_dataset
    from mien.export import export_trained
    from mien.models import EmotionNet, TrunkOptions

    data = read_dataset(arguments.data)
    found = {name: network for name, *network in unbundled(arguments.weights)}
    missing = sorted(set(arguments.only or ()) - found.keys())
    if missing:
        raise SystemExit(
            f"--only: no {', '.join(missing)}; found {', '.join(sorted(found)) or 'none'}"
        )
    for name in arguments.only or found:
        noted, weights = found[name]
        split = published_split(data)
        if name.startswith("fer-pp/"):
            split = fer_pp_split(data, selection=SELECTION, seed=SELECTION_SEED)
        network = EmotionNet(decode(TrunkOptions, noted["network"]))
        network.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
        facts = noted["facts"] | {"split": split.kind, "split_sha256": split.sha256()}
        path = arguments.out / f"{name.replace('/', '-')}.onnx"
        export_trained(network, split.apply(data), path=path, provenance=facts)
        print(path)


if __name__ == "__main__":
    main()
