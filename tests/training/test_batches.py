import numpy as np

from mien.data import Dataset
from mien.training.batches import batches


def dataset(count, value):
    return Dataset(
        images=np.full((count, 48, 48), value, np.uint8),
        labels=np.zeros(count, np.int8),
        votes=np.zeros((count, 10), np.uint8),
        split=np.zeros(count, np.int8),
        rows=np.arange(count),
        source="toy",
    )


def test_each_batch_has_its_share_of_mixed_images_and_an_epoch_passes_once_over_the_others():
    data, mix = dataset(24, 1), dataset(5, 2)
    loader = batches(data, batch_size=8, seed=1, mix=mix, mix_share=0.25)
    found = [(faces[:, 0, 0, 0], own) for faces, _, _, own in loader]
    assert len(found) == 4
    assert all(sorted(values.tolist()) == [1] * 6 + [2] * 2 for values, _ in found)
    assert all(((values == 1) == own).all() for values, own in found)


def test_an_order_depends_on_seed_and_epoch_alone():
    data, mix = dataset(24, 1), dataset(5, 2)

    def order(epoch):
        loader = batches(data, batch_size=8, seed=1, epoch=epoch, mix=mix, mix_share=0.5)
        return [rows.tolist() for rows in loader.sampler]

    assert order(0) == order(0) != order(1)
