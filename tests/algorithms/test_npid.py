import math

import pytest
import torch
import torch.nn.functional as F
from support.checks import GoldenNetwork, assert_near, tiny
from support.golden_weights import golden_arrays, golden_json

from feature_diversity.algorithms.npid import MemoryBank, uniform_rows
from feature_diversity.base.errors import InputError

CASES = golden_json("loss_npid.json")


def golden_bank(facts: dict, golden: dict) -> MemoryBank:
    bank = MemoryBank(facts["memory_size"], facts["dim"], facts["num_negatives"], facts["loss_type"]).double()
    bank.embeddings.rows = golden["memory_before"]
    return bank


@pytest.mark.parametrize("case", CASES)
def test_losses_gradients_and_bank_are_vissls_step_by_step(case):
    facts, golden = CASES[case], golden_arrays("loss_npid", case)
    bank = golden_bank(facts, golden)
    for step in range(facts["steps"]):
        embedding, rows = golden[f"step{step}_embedding0"].requires_grad_(), golden[f"step{step}_y"]
        known = rows >= 0  # VISSL drops the others first; here every image has a row
        indices = golden[f"step{step}_idx0"]
        bank.sample_negatives = lambda images, shape, generator, indices=indices: indices[:, 1:]
        z = F.normalize(embedding[known], dim=1)
        loss = bank.loss(z, rows[known], facts["temperature_as_stored_float32"], torch.Generator())
        bank.update(z, rows[known], facts["memory_momentum_as_stored_float32"])
        assert_near(loss, facts[f"step{step}_loss_f64"])
        if facts["loss_type"] == "nce":
            assert_near(bank.partition, facts[f"step{step}_Z_after"])
        assert_near(torch.autograd.grad(loss, embedding)[0], golden[f"step{step}_grad0_f64"])
        assert_near(bank.embeddings.rows, golden[f"step{step}_memory_after_f64"])


def test_cross_entropy_needs_no_partition_constant():
    """Where all embeddings grow alike, as an untrained network's do, chance is chance still."""
    together = F.normalize(torch.ones(8, 16) + 1e-3 * torch.randn(8, 16), dim=1)
    losses = {}
    for loss_type in ("nce", "cross_entropy"):
        bank = MemoryBank(200, 16, 64, loss_type)
        rows = torch.arange(8)
        bank.loss(together, rows, 0.07, torch.Generator())  # the bank is random: here Z is estimated
        bank.embeddings.rows = F.normalize(torch.ones(200, 16) + 1e-3 * torch.randn(200, 16), dim=1)
        losses[loss_type] = bank.loss(together, rows, 0.07, torch.Generator())
    assert losses["cross_entropy"] == pytest.approx(math.log(65), rel=0.01)
    assert losses["nce"] > 10 * math.log(65)


def test_the_network_is_vissls():
    algorithm = tiny("npid", channels=2048)
    network = GoldenNetwork("npid", algorithm.head)
    (images,) = network.input(4)
    network.check(lambda x: [algorithm.head(x)], images)


def test_a_step_changes_the_batchs_rows_of_the_bank_alone():
    algorithm = tiny("npid")
    before = algorithm.memory.embeddings.rows.clone()
    rows = torch.tensor([3, 0, 9])
    algorithm.loss([torch.randn(3, 64)], rows, torch.Generator())
    changed = (algorithm.memory.embeddings.rows != before).any(dim=1)
    assert torch.equal(torch.nonzero(changed).flatten(), rows.sort().values)
    torch.testing.assert_close(algorithm.memory.embeddings.rows.norm(dim=1), torch.ones(len(before)))


def test_negatives_are_drawn_from_the_whole_bank():
    drawn = uniform_rows(10, (100, 20), torch.Generator().manual_seed(0))
    assert torch.bincount(drawn.flatten()).tolist() == pytest.approx([200] * 10, abs=60)


def test_more_negatives_than_images_are_refused():
    with pytest.raises(InputError, match="npid: negatives is 71, expected 1 to 70"):
        tiny("npid", negatives=71)
