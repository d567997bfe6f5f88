import numpy as np
import pytest
import torch

from mien.data import image_sketch
from mien.export.emotion import emotion_spec
from mien.finetuning.export import write_network
from mien.finetuning.own_images import OwnImages
from mien.inference import EmotionModel
from mien.models import EmotionNet, TrunkOptions


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("known", [True, False])
def test_a_start_whose_training_images_are_unknown_is_said_to_be_one(tmp_path, toy_dataset, known):
    torch.manual_seed(0)
    count = len(toy_dataset)
    numbers, labels = np.arange(count), toy_dataset.labels.astype(np.int64)
    images = OwnImages(
        crops=toy_dataset.images,
        classes=labels,
        names=toy_dataset.label_names,
        six=labels.clip(0, 5),
        fer2013=labels,
        own=False,
        folds=numbers % 3,
        groups=numbers,
        people=0,
        known=False,
        doubt="",
    )
    sketch = {"training_sketch": image_sketch(toy_dataset.images[:1])} if known else {}
    write_network(
        EmotionNet(TrunkOptions(widths=(8, 16), depths=(1, 1))).eval(),
        emotion_spec(sketch),
        toy_dataset,
        images,
        path=tmp_path / "tuned.onnx",
        provenance={},
        own_temperature=1.0,
    )
    written = EmotionModel(tmp_path / "tuned.onnx").spec.provenance
    assert written.get("training_sketch_lacks") == (None if known else "mien-emotion")
    assert written["training_sketch"]
