import dataclasses

import pytest
import torch

from mien.training.augment import AugmentationOptions, augment, augmentation_steps

STRONG = AugmentationOptions(low_resolution=1.0, erasing=1.0)
STILL = AugmentationOptions(**{field.name: 0.0 for field in dataclasses.fields(STRONG)})


def faces(count=16):
    return 255 * torch.rand((count, 1, 48, 48), generator=torch.Generator().manual_seed(0))


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def test_pictures_keep_shape_and_range():
    found = augment(faces(), STRONG, generator())
    assert found.shape == (16, 1, 48, 48)
    assert found.min() >= 0
    assert found.max() <= 255


def test_the_same_seed_gives_the_same_pictures_and_another_does_not():
    first = augment(faces(), STRONG, generator(1))
    torch.testing.assert_close(first, augment(faces(), STRONG, generator(1)))
    assert not torch.allclose(first, augment(faces(), STRONG, generator(2)))


def test_without_strength_only_mirroring_is_left():
    found = augment(faces(), STILL, generator())
    plain, mirrored = faces(), faces().flip(3)
    distance = torch.stack(
        [(found - other).abs().amax(dim=(1, 2, 3)) for other in (plain, mirrored)]
    )
    assert distance.amin(dim=0).max() < 0.2  # grid sampling and gamma round a little
    assert (distance[0] < 0.2).any()
    assert (distance[1] < 0.2).any()


@pytest.mark.parametrize("number", range(6))
def test_each_step_changes_pictures_by_itself(number):
    _, step = list(augmentation_steps(STRONG, generator()))[number]
    assert not torch.allclose(step(faces()), faces())


def test_every_picture_draws_its_own_values():
    same = faces(1).expand(8, -1, -1, -1).clone()
    found = augment(same, STRONG, generator())
    assert len({float(picture.sum()) for picture in found}) == 8
