import dataclasses

import pytest
import torch

from mien._decode import FieldError
from mien.models import (
    BaselineNet,
    BaselineOptions,
    DetectorNet,
    DetectorOptions,
    EmotionNet,
    TrunkOptions,
)
from mien.training import EmotionRecipe, read_recipe


def parameters(network):
    return sum(weight.numel() for weight in network.parameters())


def test_the_emotion_network_is_small_and_has_its_outputs():
    network = EmotionNet(TrunkOptions()).eval()
    outputs = network(torch.zeros(3, 1, 48, 48))
    assert [tuple(output.shape) for output in outputs] == [(3, 8), (3, 7), (3, 16), (3, 8, 6, 6)]
    assert parameters(network) < 1_500_000


@pytest.mark.parametrize("squeeze_excite", [False, True])
@pytest.mark.parametrize("family", ["plain", "residual", "separable"])
def test_every_family_has_the_same_outputs_and_learns_in_all_its_weights(family, squeeze_excite):
    options = TrunkOptions(
        family=family, squeeze_excite=squeeze_excite, widths=(8, 16, 16), depths=(1, 3, 2)
    )
    torch.manual_seed(0)  # with unlucky weights a gate has no gradient
    network = EmotionNet(options)
    outputs = network(torch.randn(4, 1, 48, 48))
    shapes = [tuple(output.shape) for output in outputs]
    assert shapes == [(4, 8), (4, 7), (4, 16), (4, 8, 12, 12)]
    sum(output.square().sum() for output in outputs).backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in network.parameters())


@pytest.mark.parametrize(
    ("family", "recipe"),
    [("residual", "residual"), ("separable", "separable"), ("fer-pp", "fer-pp-tuned")],
)
def test_every_other_family_has_a_recipe_whose_network_is_small_and_learns(family, recipe):
    torch.manual_seed(0)
    network = EmotionNet(read_recipe(EmotionRecipe, recipe).network)
    assert network.options.family == family
    assert parameters(network) < 1_500_000
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.002)
    faces, labels = torch.randn(14, 1, 48, 48), torch.arange(14) % 7
    losses = []
    for _ in range(8):
        losses.append(torch.nn.functional.cross_entropy(network(faces).fer2013_logits, labels))
        optimiser.zero_grad()
        losses[-1].backward()
        optimiser.step()
    assert losses[-1] < losses[0] / 2


def test_a_separable_trunk_is_smaller_and_gates_add_little():
    wide = {"widths": (32, 64, 128), "depths": (1, 2, 2)}
    plain = parameters(EmotionNet(TrunkOptions(**wide)))
    assert parameters(EmotionNet(TrunkOptions(family="separable", **wide))) < plain / 4
    gated = parameters(EmotionNet(TrunkOptions(squeeze_excite=True, **wide)))
    assert plain < gated < 1.05 * plain


SIX_LAYERS = {"widths": (8,) * 6, "depths": (1,) * 6, "activations": ("elu", "swish") * 3}


def test_fer_pps_network_is_a_family_of_its_own():
    network = EmotionNet(TrunkOptions(family="fer-pp", dropout=0.4, **SIX_LAYERS))
    assert [tuple(output.shape) for output in network(torch.zeros(2, 1, 48, 48))] == [
        (2, 8),
        (2, 7),
        (2, 16),
        (2, 8, 6, 6),
    ]
    layers = {"filters": (8,) * 6, "activations": ("elu", "swish") * 3}
    baseline = BaselineNet(BaselineOptions(dropout=0.4, **layers))
    assert str(network.trunk) == str(baseline.trunk)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"widths": (8,) * 5, "depths": (1,) * 5}, "widths"),
        ({"depths": (2,) * 6}, "depths"),
        ({"activations": ()}, "activations"),
        ({"squeeze_excite": True}, "squeeze_excite"),
        ({"family": "plain"}, "activations"),
    ],
)
def test_fer_pps_network_has_six_layers_with_an_activation_each(changes, fault):
    with pytest.raises(FieldError, match=f"'{fault}': expected"):
        TrunkOptions(**({"family": "fer-pp"} | SIX_LAYERS | changes))


def test_the_embedding_has_unit_length():
    network = EmotionNet(TrunkOptions()).eval()
    embedding = network(torch.randn(5, 1, 48, 48)).embedding
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(5))


def test_the_mean_of_the_activation_maps_and_the_bias_are_the_logits():
    network = EmotionNet(TrunkOptions()).eval()
    outputs = network(torch.randn(2, 1, 48, 48))
    means = outputs.activation.mean(dim=(2, 3)) + network.ferplus_head.bias
    torch.testing.assert_close(means, outputs.logits)


def test_the_wide_recipe_looks_at_the_middle_and_ends_in_a_dense_layer():
    options = read_recipe(EmotionRecipe, "wide").network
    network = EmotionNet(options).eval()
    faces = torch.randn(2, 1, 48, 48)
    outputs = network(faces)
    assert [tuple(output.shape) for output in outputs] == [(2, 8), (2, 7), (2, 16), (2, 8, 5, 5)]
    assert network.ferplus_head.in_features == options.dense_width == 768
    assert 2_900_000 < parameters(network) < 3_000_000
    means = outputs.activation.mean(dim=(2, 3)) + network.ferplus_head.bias
    torch.testing.assert_close(means, outputs.logits)
    reframed = torch.nn.functional.pad(faces[:, :, 2:46, 2:46], (2, 2, 2, 2), value=9.0)
    torch.testing.assert_close(network(reframed).logits, outputs.logits, rtol=0, atol=0)
    inside = torch.nn.functional.pad(faces[:, :, 3:45, 3:45], (3, 3, 3, 3), value=9.0)
    assert not torch.allclose(network(inside).logits, outputs.logits)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"crop_px": 45}, "'crop_px': expected an even number of 2 to 48, found 45"),
        ({"crop_px": 50}, "'crop_px'"),
        ({"crop_px": 4}, "'widths': expected at most 3 stages"),
        ({"dense_width": -1}, "'dense_width': expected 0 to 2048"),
        ({"family": "fer-pp", "dense_width": 8} | SIX_LAYERS, "'dense_width': expected 0"),
    ],
)
def test_a_crop_lies_inside_the_input_and_leaves_a_pixel_to_the_last_stage(changes, fault):
    with pytest.raises(FieldError, match=fault):
        TrunkOptions(**changes)


def test_pooling_before_the_norm_keeps_outputs_and_weights():
    shape = {"widths": (8, 16, 16), "depths": (1, 2, 1)}
    after, before = (
        EmotionNet(TrunkOptions(**shape)),
        EmotionNet(TrunkOptions(pool_first=True, **shape)),
    )
    assert parameters(after) == parameters(before)
    faces = torch.randn(4, 1, 48, 48)
    assert [a.shape for a in after(faces)] == [b.shape for b in before(faces)]
    sides = []
    for module in before.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_hook(lambda _, inputs, __: sides.append(inputs[0].shape[2]))
    before(faces)
    assert sides == [24, 24, 12, 12]


def test_only_plain_stages_pool_before_the_norm():
    with pytest.raises(FieldError, match="pool_first"):
        TrunkOptions(family="residual", pool_first=True)


def test_stages_need_a_width_and_a_depth_each():
    with pytest.raises(FieldError, match="one of each per stage"):
        TrunkOptions(widths=(8, 16), depths=(1,))


@pytest.mark.parametrize(("height", "width"), [(64, 96), (320, 320)])
def test_the_detector_gives_yunets_twelve_outputs(height, width):
    network = DetectorNet(DetectorOptions()).eval()
    outputs = network(torch.zeros(2, 3, height, width))
    cells = [height * width // stride**2 for stride in (8, 16, 32)]
    expected = [(2, count, size) for size in (1, 1, 4, 10) for count in cells]
    assert [tuple(output.shape) for output in outputs] == expected
    assert all(output.min() >= 0 and output.max() <= 1 for output in outputs[:6])
    assert parameters(network) <= 150_000


def test_the_baseline_has_the_size_of_fer_pps_tuned_network():
    network = BaselineNet(BaselineOptions())
    assert network(torch.zeros(2, 1, 48, 48)).shape == (2, 6)
    assert parameters(network) / 1e6 == pytest.approx(0.72, abs=0.02)


def test_the_recipe_of_fer_pps_tuned_network_has_that_size_and_the_training_of_the_other():
    before, tuned = (read_recipe(EmotionRecipe, name) for name in ("fer-pp", "fer-pp-tuned"))
    assert parameters(EmotionNet(tuned.network)) / 1e6 == pytest.approx(0.72, abs=0.02)
    assert tuned.network.baseline() == BaselineOptions()
    assert dataclasses.replace(tuned, network=before.network) == before


@pytest.mark.parametrize("options", [{"filters": (8,) * 5}, {"activations": ("elu",)}])
def test_the_baseline_has_six_layers(options):
    with pytest.raises(FieldError, match="expected six"):
        BaselineOptions(**options)
