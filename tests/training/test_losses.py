import math

import pytest
import torch

from mien.training.losses import embedding_loss, jensen_shannon_distance, soft_cross_entropy


def test_cross_entropy_of_even_logits_is_the_logarithm_of_their_number():
    loss = soft_cross_entropy(torch.zeros(2, 8), torch.eye(8)[:2])
    assert float(loss) == pytest.approx(math.log(8))


def test_rows_without_a_label_count_for_nothing():
    logits = torch.tensor([[2.0, 0.0], [0.0, 9.0]])
    both = soft_cross_entropy(logits, torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    torch.testing.assert_close(both, soft_cross_entropy(logits[:1], torch.tensor([[1.0, 0.0]])))
    assert float(soft_cross_entropy(logits, torch.zeros(2, 2))) == 0


def test_rows_count_by_their_weight():
    logits, targets = torch.tensor([[2.0, 0.0], [0.0, 9.0]]), torch.eye(2)
    rows = [float(soft_cross_entropy(logits[[row]], targets[[row]])) for row in (0, 1)]
    found = soft_cross_entropy(logits, targets, torch.tensor([0.5, 1.0]))
    assert float(found) == pytest.approx((0.5 * rows[0] + rows[1]) / 2)


def test_distances_as_worked_out_on_paper():
    found = jensen_shannon_distance(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]))
    # Between (1, 0) and (1/2, 1/2): H(3/4, 1/4) - H(1/2, 1/2) / 2 = 0.8113 - 0.5.
    half = math.sqrt(0.311278)
    expected = torch.tensor([[0.0, 1.0, half], [1.0, 0.0, half], [half, half, 0.0]])
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_the_embedding_loss_prefers_likeness_in_space_to_follow_likeness_of_votes():
    votes = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    east, north = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    sorted_right = torch.stack((east, east, north, north))
    sorted_wrong = torch.stack((east, north, east, north))
    assert embedding_loss(sorted_right, votes) < embedding_loss(sorted_wrong, votes) - 0.5


def test_with_too_few_labels_the_embedding_loss_is_zero():
    embedding = torch.eye(4, requires_grad=True)
    loss = embedding_loss(embedding, torch.zeros(4, 2))
    loss.backward()
    assert loss.item() == 0
    assert (embedding.grad == 0).all()


def test_the_embedding_loss_is_the_same_where_a_training_calculates_in_bfloat16():
    generator = torch.Generator().manual_seed(1)
    embedding = torch.nn.functional.normalize(torch.randn(16, 16, generator=generator))
    votes = torch.rand(16, 8, generator=generator)
    votes = votes / votes.sum(dim=1, keepdim=True)
    plain = embedding_loss(embedding, votes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(embedding_loss(embedding, votes), plain)
