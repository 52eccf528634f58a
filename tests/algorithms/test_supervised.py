import pytest
import torch
import torch.nn.functional as F
from support.checks import GoldenNetwork, assert_near, tiny, tiny_batch
from support.golden_weights import golden_arrays, golden_json

CASES = golden_json("loss_cross_entropy.json")


@pytest.mark.parametrize("case", CASES)
def test_torchs_cross_entropy_is_vissls(case):
    facts, golden = CASES[case], golden_arrays("loss_cross_entropy", case)
    logits = [golden[f"logits{i}"].requires_grad_() for i in range(facts["num_outputs"])]
    loss = sum(
        F.cross_entropy(
            x / facts["temperature"],
            golden["target"],
            ignore_index=facts["ignore_index"],
            label_smoothing=facts["label_smoothing"],
        )
        for x in logits
    )
    # VISSL's label smoothing is float32
    assert_near(loss, facts["loss_f64"], 2e-6 if facts["label_smoothing"] else 1e-6)
    for number, gradient in enumerate(torch.autograd.grad(loss, logits)):
        assert_near(gradient, golden[f"grad{number}_f64"], 2e-6 if facts["label_smoothing"] else 1e-6)


def test_the_loss_is_vissls():
    golden = golden_arrays("loss_cross_entropy", "supervised_10")
    algorithm = tiny("supervised", channels=10).double()
    algorithm.head = torch.nn.Identity()
    loss = algorithm.loss([golden["logits0"]], golden["target"], torch.Generator())
    assert_near(loss, CASES["supervised_10"]["loss_f64"])


def test_the_network_is_vissls():
    algorithm = tiny("supervised", channels=2048, classes=1000)
    network = GoldenNetwork("supervised", algorithm.head)
    (images,) = network.input(4)
    network.check(lambda x: [algorithm.head(x)], images)


def test_the_targets_are_the_labels():
    batch = tiny_batch()
    _, targets = tiny("supervised").views(batch, torch.Generator().manual_seed(0))
    assert torch.equal(targets, batch.labels)
