import dataclasses

import pytest
import torch

from mien.training.augment import (
    AugmentationOptions,
    augment,
    augment_unmirrored,
    augmentation_steps,
)

STRONG = AugmentationOptions(low_resolution=1.0, erasing=1.0)
STILL = AugmentationOptions(**{field.name: 0.0 for field in dataclasses.fields(STRONG)})


def faces(count=16):
    return 255 * torch.rand((count, 1, 48, 48), generator=torch.Generator().manual_seed(0))


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def test_images_keep_shape_and_range():
    found = augment(faces(), STRONG, generator())
    assert found.shape == (16, 1, 48, 48)
    assert found.min() >= 0
    assert found.max() <= 255


def test_the_same_seed_gives_the_same_images_and_another_does_not():
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
def test_each_step_changes_images_by_itself(number):
    _, step = list(augmentation_steps(STRONG, generator()))[number]
    assert not torch.allclose(step(faces()), faces())


def test_every_image_draws_its_own_values():
    same = faces(1).expand(8, -1, -1, -1).clone()
    found = augment(same, STRONG, generator())
    assert len({float(image.sum()) for image in found}) == 8


def test_an_image_of_low_resolution_stays_where_it_is():
    dots = torch.zeros(1, 1, 48, 48)
    places = [(6, 6), (24, 24), (40, 40), (6, 40)]
    options = dataclasses.replace(STRONG, low_resolution=1.0)
    generator = torch.Generator().manual_seed(3)
    grid = torch.arange(48, dtype=torch.float32)
    steps = dict(augmentation_steps(options, generator))
    for row, column in places:
        spot = dots.clone()
        spot[..., row - 2 : row + 3, column - 2 : column + 3] = 255
        peaks = []
        for _ in range(20):
            seen = steps["low resolution"](spot)[0, 0]
            peaks.append(float(seen.max()))
            found = [float((seen.sum(dim=1 - axis) * grid).sum() / seen.sum()) for axis in (0, 1)]
            assert found == pytest.approx([row, column], abs=0.1)
        assert min(peaks) < 250, "detail is lost"


def test_images_are_the_same_where_a_training_calculates_in_bfloat16():
    faces = 255 * torch.rand(8, 1, 48, 48, generator=torch.Generator().manual_seed(1))
    plain = augment(faces, STRONG, torch.Generator().manual_seed(2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = augment(faces, STRONG, torch.Generator().manual_seed(2))
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, plain)


def test_the_rotation_that_is_said_is_that_of_the_image():
    spot = torch.zeros(8, 1, 48, 48)
    spot[:, :, 23:25, 40:44] = 255  # right of the middle, at an angle of 0
    only_rotated = dataclasses.replace(STILL, rotation_deg=40.0)
    found, clockwise_deg = augment_unmirrored(spot, only_rotated, generator())
    weight = found / found.sum(dim=(2, 3), keepdim=True)
    places = torch.arange(48) + 0.5 - 24
    right = (weight * places).sum(dim=(1, 2, 3))
    down = (weight * places[:, None]).sum(dim=(1, 2, 3))
    # Clockwise, what is on the right moves down.
    torch.testing.assert_close(torch.atan2(down, right).rad2deg(), clockwise_deg, atol=1.5, rtol=0)
    assert clockwise_deg.abs().max() > 10
