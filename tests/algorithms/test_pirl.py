import pytest
import torch
from support.checks import GoldenNetwork, assert_near, tiny, tiny_batch
from support.golden_weights import golden_arrays, golden_json
from torch import nn

from feature_diversity.base.errors import InputError
from feature_diversity.networks.convolution import Conv2d

CASES = golden_json("loss_pirl.json")


@pytest.mark.parametrize("case", CASES)
def test_losses_gradients_and_bank_are_vissls_step_by_step(case):
    facts, golden = CASES[case], golden_arrays("loss_pirl", case)
    algorithm = tiny(
        "pirl",
        images=facts["memory_size"],
        embedding_size=facts["dim"],
        negatives=facts["num_negatives"],
        temperature=facts["temperature_as_stored_float32"],
        memory_momentum=facts["memory_momentum_as_stored_float32"],
        patches_weight=facts["loss_weights"][0],
        loss_type="nce",  # as VISSL's PIRL
    ).double()
    algorithm.memory.embeddings.rows = golden["memory_before"]
    algorithm.head.patches.puzzle = lambda x: x
    algorithm.head.image = nn.Identity()
    for step in range(facts["steps"]):
        injected = iter([golden[f"step{step}_idx{output}"][:, 1:] for output in (0, 1)])
        algorithm.memory.sample_negatives = lambda images, shape, draws, injected=injected: next(injected)
        outputs = [golden[f"step{step}_embedding{output}"].requires_grad_() for output in (0, 1)]
        loss = algorithm.loss(outputs, golden[f"step{step}_y"], torch.Generator())
        assert_near(loss, facts[f"step{step}_loss_f64"])
        assert_near(algorithm.memory.partition, facts[f"step{step}_Z_after"])
        for number, gradient in enumerate(torch.autograd.grad(loss, outputs)):
            assert_near(gradient, golden[f"step{step}_grad{number}_f64"])
        assert_near(algorithm.memory.embeddings.rows, golden[f"step{step}_memory_after_f64"])


# One layer of BatchNorm after the other over two images makes rounding ten million times larger, so only the
# kernels that VISSL ran reach 1e-6; the matrix products of small maps differ from them in the last bit.
@pytest.mark.parametrize(("kernels", "tolerance"), [("torch's", 1e-6), ("ours", 1e-5)])
def test_the_network_is_vissls(monkeypatch, kernels, tolerance):
    if kernels == "torch's":
        monkeypatch.setattr(Conv2d, "forward", nn.Conv2d.forward)
    head = tiny("pirl", channels=2048, grid=3, patch_size=10).head
    network = GoldenNetwork("pirl", head, [head.patches.each, head.patches.together, head.image])
    patches, images = network.input(18, 2)
    network.check(
        lambda patches, images: [head.puzzle(patches), head(images)], patches, images, tolerance=tolerance
    )


def test_patches_and_images_are_ordered_as_vissl_collates_them():
    golden = golden_arrays("pretext", "collate_pirl")
    plain = {
        "jitter": 0.0,
        "photometric_probability": 0.0,
        "puzzle_scale": [1.0, 1.0],
        "crop_scale": [1.0, 1.0],
    }
    algorithm = tiny("pirl", **plain, grid=3, patch_size=10)
    images = torch.arange(3.0).view(3, 1, 1, 1).expand(-1, 1, 32, 32) / 10
    batch = tiny_batch()
    (patches, whole), rows = algorithm.views(
        type(batch)(images, batch.labels[:3], batch.rows[:3], 32), torch.Generator()
    )
    # VISSL's collator was given 100 x image + patch, and 1000 + image
    torch.testing.assert_close(patches.mean(dim=(1, 2, 3)), (golden["patches"] // 100).float() / 10)
    torch.testing.assert_close(whole.mean(dim=(1, 2, 3)), (golden["images"] - 1000).float() / 10)
    assert torch.equal(rows, batch.rows[:3])


def test_more_negatives_than_images_are_refused():
    with pytest.raises(InputError, match="pirl: negatives is 71, expected 1 to 70"):
        tiny("pirl", negatives=71)


def test_patches_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="pirl: patch_size is 30 and grid 2, expected"):
        tiny("pirl", patch_size=30)
