r"""One model file of several members of `members.py`: their answers averaged inside the graph.

    python benchmarks/ensemble.py choose --data fer --weights out
    python benchmarks/ensemble.py build --data fer --weights out \
        --out benchmarks/models/fer-pp-ensemble.onnx

Both are about FER-PP's split. `choose` asks every network there is, and its mirrored input, about
the part of FER-PP's training images that none of them has seen, less the images with a near copy
in training, and prints for each subset of them that fits in the file how well its mean does.
`build` writes the file of those that `members.toml` names under `ensembles`, with float16 weights,
calibrated on the same part and compared with torch. FER-PP's validation images are not used.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import members
import numpy as np
import onnx
import torch
from marked import markdown_table
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor, nn

from mien._decode import decode
from mien._output import whole_file
from mien.data import (
    SUBSETS,
    Dataset,
    Split,
    exact_groups,
    fer_pp_split,
    near_groups,
    read_dataset,
)
from mien.export import calibrate_emotion, export_network, parameter_count, write_spec
from mien.export.comparison import ExportComparison, compare_with_torch
from mien.export.emotion import emotion_spec
from mien.export.onnx_file import to_float16_weights
from mien.inference import EmotionModel
from mien.metrics import PROTOCOLS, fit_temperature
from mien.models import EmotionNet, TrunkOptions
from mien.models.onnx_weights import read_onnx
from mien.preprocess import network_input

SPLIT = "fer-pp"
OUTPUTS = ("logits", "fer2013_logits")
"""What an ensemble gives. Embeddings and activation maps of several networks have no mean."""

MAX_MILLIONS = 12.0
"""As many millions of float16 weights fill 24 MB."""

_PARITY_IMAGES = 64


class Ensemble(nn.Module):
    """Networks whose probabilities, over the image and its mirror image, are averaged."""

    def __init__(self, networks: Sequence[EmotionNet]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logarithms of both heads' mean probabilities, `(B, 8)` and `(B, 7)`.

        Args:
            faces: `(B, 1, 48, 48)` float, normalised as the spec says.
        """
        said = [network(view) for network in self.networks for view in (faces, faces.flip(3))]
        return (
            _log_mean([each.logits for each in said]),
            _log_mean([each.fer2013_logits for each in said]),
        )


def _log_mean(logits: Sequence[Tensor]) -> Tensor:
    logs = torch.stack([each.log_softmax(dim=1) for each in logits])  # (M, B, K)
    return logs.logsumexp(dim=0) - float(np.log(len(logits)))


def main() -> None:
    """Do what the command says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    verbs = parser.add_subparsers(required=True)
    for do, said in ((choose, "compare all subsets that fit"), (build, "write the model file")):
        verb = verbs.add_parser(do.__name__, help=said)
        verb.add_argument("--data", type=Path, required=True, help="FER-2013, imported")
        verb.add_argument("--weights", type=Path, required=True, nargs="+", help="folders")
        verb.set_defaults(do=do)
        if do is build:
            verb.add_argument("--out", type=Path, required=True, help="the new file")
        else:
            said = "weights of a subset, in millions"
            verb.add_argument("--most", type=float, default=MAX_MILLIONS, help=said)
            verb.add_argument("--rows", type=int, default=12, help="subsets to print")
    arguments = parser.parse_args()
    arguments.do(arguments)


def trained(folders: Sequence[Path]) -> Iterator[tuple[str, EmotionNet, Mapping[str, str]]]:
    """Yield name, network and provenance of FER-PP's split's networks in folders of weights."""
    for full_name, noted, weights in members.unbundled(folders):
        split, _, name = full_name.partition("/")
        if split == SPLIT:
            network = EmotionNet(decode(TrunkOptions, noted["network"]))
            state = {key: torch.from_numpy(value) for key, value in weights.items()}
            network.load_state_dict(state)
            yield name, network.eval(), noted["facts"]


def read_divided(path: Path) -> tuple[Dataset, Split]:
    """Return FER-2013 as the members were trained on it: `val` is chosen on, `test` is FER-PP's."""
    data = read_dataset(path)
    split = fer_pp_split(data, selection=members.SELECTION, seed=members.SELECTION_SEED)
    return split.apply(data), split


def choose(arguments: argparse.Namespace) -> None:
    """Print how well every subset of the networks that fits does, the lowest NLL first."""
    data, _ = read_divided(arguments.data)
    groups = near_groups(data.images, exact_groups(data.images))
    train, val = (data.split == SUBSETS.index(part) for part in ("train", "val"))
    selected = data.select(np.flatnonzero(val & ~np.isin(groups, groups[train])))
    protocol = PROTOCOLS["fer2013-6"]
    labels = protocol.labels(selected.labels, selected.votes)
    parameters: dict[str, int] = {}
    answers: dict[str, Any] = {}
    for name, network, _ in trained(arguments.weights):
        parameters[name] = sum(value.numel() for value in network.parameters())
        answers[name] = protocol.probabilities(members.answers(network, selected.images))
    rows = ranked(answers, parameters, labels, most=1e6 * arguments.most)
    singles = [row for row in rows if row[3] in answers]
    best = [row for row in rows if row[3] not in answers][: arguments.rows]
    table = [
        [names, f"{size / 1e6:.2f}", f"{100 * accuracy:.2f} %", f"{nll:.4f}"]
        for nll, accuracy, size, names in [*singles, *best]
    ]
    head = ["mean of", "millions of weights", "accuracy, 6 classes", "NLL, calibrated"]
    print(f"{len(labels):,} images of the selection part, each with its mirror image\n")
    print(markdown_table(head, table))


def ranked(
    answers: Mapping[str, NDArray[np.float64]],
    parameters: Mapping[str, int],
    labels: NDArray[np.int64],
    *,
    most: float,
) -> list[tuple[float, float, int, str]]:
    """Measure the mean of every subset of networks that fits, and of all of them.

    Args:
        answers: `(N, K)` probabilities by network.
        parameters: How many weights each network has.
        labels: `(N,)` ground truth.
        most: How many weights a subset may have.

    Returns:
        NLL at the temperature that fits best, accuracy, weights and names joined by ` + `, the
        lowest NLL first.
    """
    rows = []
    for count in range(1, len(answers) + 1):
        for chosen in itertools.combinations(sorted(answers), count):
            size = sum(parameters[name] for name in chosen)
            if size > most and count < len(answers):
                continue
            mean = np.mean([answers[name] for name in chosen], axis=0)
            logits = np.log(mean)
            probabilities = softmax(logits / fit_temperature(logits, labels), axis=1)
            nll = -np.log(probabilities[np.arange(len(labels)), labels]).mean()
            accuracy = (mean.argmax(axis=1) == labels).mean()
            rows.append((float(nll), float(accuracy), size, " + ".join(chosen)))
    return sorted(rows)


def build(arguments: argparse.Namespace) -> None:
    """Write the file of the members that `members.toml` names."""
    names = tomllib.loads(members.PLAN.read_text(encoding="utf-8"))["ensembles"][SPLIT]
    found = {name: (network, facts) for name, network, facts in trained(arguments.weights)}
    missing = sorted(set(names) - found.keys())
    if missing:
        raise SystemExit(
            f"--weights: no {', '.join(missing)}; found {', '.join(sorted(found)) or 'none'}"
        )
    networks = [found[name][0] for name in names]
    data, split = read_divided(arguments.data)
    provenance = {
        "recipe": f"{SPLIT}: mean of {', '.join(names)}, each with its mirror image",
        "training_sketch": found[names[0]][1]["training_sketch"],  # they saw the same images
        "split": split.kind,
        "split_sha256": split.sha256(),
        "licence": "Apache-2.0",
    }
    compared = export_ensemble(networks, data, path=arguments.out, provenance=provenance)
    print(f"{arguments.out}: {parameter_count(arguments.out):,} weights")
    for said, value in compared.figures("val, float16").items():
        print(f"{said}: {value:.2g}")


def export_ensemble(
    networks: Sequence[EmotionNet], data: Dataset, *, path: Path, provenance: Mapping[str, str]
) -> ExportComparison:
    """Write networks as one file with float16 weights, calibrated and compared on `val`.

    Raises:
        ArtefactError: The file's outputs or labels differ from torch.
    """
    ensemble = Ensemble(networks).eval()
    entries = {"data": data.source, "data_sha256": data.sha256(), "precision": "fp16"}
    spec = emotion_spec(dict(provenance) | entries)
    outputs = tuple(output for output in spec.outputs if output.name in OUTPUTS)
    spec = dataclasses.replace(spec, outputs=outputs)
    images = data.subset("val").images
    example = torch.from_numpy(network_input(images[:_PARITY_IMAGES], spec.input))
    with whole_file(path) as made:
        export_network(ensemble, example, spec=spec, path=made, dynamic={0: "batch"})
        onnx.save_model(to_float16_weights(read_onnx(made)), made)
        spec = calibrate_emotion(made, data)
        compared = compare_with_torch(ensemble, EmotionModel(made), images)
        compared.check(str(path))
        figures = compared.figures(f"{data.source}, val, fp16")
        write_spec(made, dataclasses.replace(spec, figures=figures))
    return compared


if __name__ == "__main__":
    main()
