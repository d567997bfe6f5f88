import pytest
import torch

from mien.training.schedule import parameter_groups, warmup_cosine


def test_the_rate_climbs_in_a_line_and_falls_on_a_cosine():
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = warmup_cosine(optimiser, warmup_steps=4, total_steps=12)["lr_scheduler"]["scheduler"]
    rates = []
    for _ in range(13):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert rates[:4] == [0.5, 1.0, 1.5, 2.0]
    assert rates[4] == 2.0
    assert rates[8] == pytest.approx(1.0)
    assert rates[12] == pytest.approx(0.0)


def test_biases_and_norms_do_not_decay():
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    decaying, others = parameter_groups(network, weight_decay=0.1)
    assert [tuple(weight.shape) for weight in decaying["params"]] == [(2, 1, 3, 3)]
    assert len(others["params"]) == 3
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
