r"""One emotion network whose weights are the mean of several that began with the same weights.

    python benchmarks/average.py runs/a/emotion.onnx runs/b/emotion.onnx --data fer \
        --recipe rendered --out mean.onnx
    mien calibrate mean.onnx --data fer --foreign actors --framing 1
    mien export model mean.onnx --data fer --out emotion.onnx

Trainings that go on from one network stay in one valley of the loss, and the mean of their weights
is often as good as the mean of their answers, at the cost of one network (Wortsman et al. 2022,
"Model soups"). Layers of a mean give narrower outputs than those of its members, so that each
norm's statistics are taken anew from augmented training images. The file is like one of a training:
float32, calibrated on `val`.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from mien.data import Dataset, merged_sketches, read_dataset
from mien.errors import ArtefactError
from mien.export import export_trained
from mien.inference import EmotionModel
from mien.models.emotion import EmotionNet, TrunkOptions
from mien.models.onnx_weights import load_onnx_network, load_onnx_weights
from mien.preprocess import network_input
from mien.training.augment import AugmentationOptions, augment
from mien.training.emotion_recipe import EmotionRecipe
from mien.training.recipe import read_recipe
from mien.training.weights import file_sha256

STATISTICS_IMAGES = 6144
"""Augmented training images that the norms' statistics are taken from."""

_BATCH = 512


def augmented(
    data: Dataset, options: AugmentationOptions, model: EmotionModel, *, seed: int = 0
) -> Iterator[Tensor]:
    """Yield batches of augmented training images, normalised, `(B, 1, 48, 48)` float32."""
    train = data.subset("train").images
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(train), generator=generator)[:STATISTICS_IMAGES]
    for some in rows.split(_BATCH):
        faces = torch.from_numpy(train[some.numpy()]).unsqueeze(1).float()
        images = augment(faces, options, generator)[:, 0].numpy()
        yield torch.from_numpy(network_input(images, model.spec.input))


@torch.no_grad()
def mean_network(
    paths: Sequence[Path], shares: Sequence[float], batches: Sequence[Tensor]
) -> EmotionNet:
    """Return the network whose parameters are the weighted mean of those of several files.

    Args:
        paths: Model files of networks with the same options.
        shares: Weight of each file, adding up to 1.
        batches: Normalised images `(B, 1, 48, 48)` for the norms' statistics.

    Raises:
        ArtefactError: A file is no emotion model of a training, or one of another network.
    """
    network = _like(paths[0])
    total = {name: torch.zeros_like(value) for name, value in network.named_parameters()}
    for path, share in zip(paths, shares, strict=True):
        member = _like(path)
        if member.options != network.options:
            raise ArtefactError(f"{path}: another network than {paths[0]} has")
        load_onnx_weights(member, path, example=batches[0])
        for name, value in member.named_parameters():
            total[name] += share * value
    for name, value in network.named_parameters():
        value.copy_(total[name])
    update_bn(batches, network)
    return network.eval()


def _like(path: Path) -> EmotionNet:
    """Return a network with a file's options, not its weights."""
    options = load_onnx_network(path, EmotionModel(path).spec.provenance).options
    # A network that is read from a file has the options of a fine-tuned one.
    names = [field.name for field in dataclasses.fields(TrunkOptions)]
    return EmotionNet(TrunkOptions(**{name: getattr(options, name) for name in names}))


def main() -> None:
    """Write the mean."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", type=Path, nargs="+", help="files of trainings, ONNX")
    parser.add_argument("--shares", type=float, nargs="+", help="their weights; default: equal")
    parser.add_argument("--data", type=Path, required=True, help="FER-2013, imported")
    parser.add_argument("--recipe", required=True, help="whose augmentation is used")
    parser.add_argument("--out", type=Path, required=True, help="the new file")
    arguments = parser.parse_args()
    shares = arguments.shares or [1.0] * len(arguments.models)
    if len(shares) != len(arguments.models) or min(shares) <= 0:
        parser.error("--shares: one number above 0 for each model")
    write_mean(
        arguments.models,
        [share / sum(shares) for share in shares],
        read_dataset(arguments.data),
        recipe=arguments.recipe,
        out=arguments.out,
    )


def write_mean(
    paths: Sequence[Path], shares: Sequence[float], data: Dataset, *, recipe: str, out: Path
) -> None:
    """Write the mean of several files as one, calibrated on `val`.

    Raises:
        ArtefactError: As in `mean_network`, or an output differs from torch.
    """
    options = read_recipe(EmotionRecipe, recipe).augmentation
    models = [EmotionModel(path) for path in paths]
    network = mean_network(paths, shares, list(augmented(data, options, models[0])))
    provenance = {
        "recipe": "mean of weights",
        **{
            f"mean of {path.name}, {number}": f"{share:.3f} {file_sha256(path)}"
            for number, (path, share) in enumerate(zip(paths, shares, strict=True), 1)
        },
        "training_sketch": merged_sketches(
            model.spec.provenance.get("training_sketch", "") for model in models
        ),
        "licence": "Apache-2.0",
    }
    compared = export_trained(network, data, path=out, provenance=provenance)
    for said, value in dataclasses.asdict(compared).items():
        print(f"{said}: {value}")


if __name__ == "__main__":
    main()
