"""The detector's figures are of photos that nothing was chosen by."""

from types import SimpleNamespace

import numpy as np

from mien.structures import Faces
from mien.training.pseudo_labels import is_for_choosing, is_held_out

NAMES = [str(number) for number in range(200)]


class Detector:
    """Finds one sure face at the same place, and counts what it is shown."""

    def __init__(self, path):
        self.path, self.shown = path, []

    def detect(self, frame_rgb, *, min_face_px=24):
        self.shown.append(int(frame_rgb[0, 0, 0]))
        return Faces(
            boxes_xyxy=np.array([[8, 8, 72, 72]], np.float32),
            landmarks_xy=np.array([[[24, 24], [56, 24], [40, 40], [28, 56], [52, 56]]], np.float32),
            detection_scores=np.array([0.9], np.float32),
        )


def test_photos_that_the_checkpoint_was_chosen_by_are_left_out(load, monkeypatch):
    benchmark = load("detector")
    frames = [np.full((80, 80, 3), number, np.uint8) for number in range(len(NAMES))]
    monkeypatch.setattr(
        benchmark,
        "read_unlabelled_images",
        lambda path: zip(NAMES, ["no-face"] * len(NAMES), frames, strict=True),
    )
    kept = [n for n, name in enumerate(NAMES) if is_held_out(name) and not is_for_choosing(name)]
    assert 0 < len(kept) < sum(map(is_held_out, NAMES))
    pair = [Detector("ours"), Detector("baseline")]
    rows = list(benchmark.on_photos(pair, SimpleNamespace()))
    assert [each.shown for each in pair] == [kept, kept]
    assert rows[-1][0].startswith(f"{len(kept)} held-out photos without a face")
    pair[1].shown.clear()
    worse = list(benchmark.on_worse_photos(pair, SimpleNamespace()))
    assert pair[1].shown[: len(kept)] == kept
    assert f"recall of {len(kept)} sure faces" in worse[0][0]
