"""Jobs that are of all seeds of a network: a run and its training stay what they are."""

from pathlib import Path

import pytest
from support.checkout import Checkout

pytestmark = pytest.mark.workflow
APART, TOGETHER = "schedule: trajectory", "schedule: trajectory\nseeds: together"
FINISHED = "this training is finished already"


def evaluate(checkout: Checkout, seed: int) -> None:
    """Train the tiny study's supervised network of a seed, and evaluate it."""
    run = f"results/tiny/supervised/resnet14_w0.125_batchnorm_ep2_seed{seed}"
    result = checkout.snakemake(f"{run}/linear.json", f"{run}/energy.csv")
    assert result.returncode == 0, result.stdout


def files(checkout: Checkout, name: str) -> dict[str, bytes]:
    """Run -> content of its file of that name."""
    return {path.parent.name: path.read_bytes() for path in checkout.results.glob(f"supervised/*/{name}")}


def test_seeds_together_are_one_job_each_training_found_again_and_the_same_bits(tmp_path: Path):
    checkouts = []
    for folder in (tmp_path / "apart", tmp_path / "together"):
        folder.mkdir()
        checkouts.append(Checkout.make(folder))
    apart, together = checkouts
    together.edit("workflow/studies/tiny.yaml", APART, TOGETHER)
    for checkout in checkouts:
        evaluate(checkout, 1)  # a study of one seed
    log = together.results / "logs" / "pretrain" / "supervised" / "resnet14_w0.125_batchnorm.log"
    assert FINISHED not in log.read_text()

    together.edit("workflow/studies/tiny.yaml", "seed: 1", "seed: [1, 2]")
    assert together.planned()["pretrain"] == 2  # networks
    together.edit(
        "workflow/studies/tiny.yaml",
        "[simclr, supervised]",
        "[simclr, supervised]\n    variant: [default, slow]",
    )
    together.edit(
        "workflow/studies/tiny.yaml", "figures:", "variants: {slow: {learning_rate: 0.01}}\nfigures:"
    )
    assert together.planned()["pretrain"] == 4  # networks in their variants
    evaluate(together, 2)
    assert log.read_text().count(FINISHED) == 1  # the first seed's training
    assert len(files(together, "energy.csv")) == 4  # two seeds, before and after training
    for name in ("model.safetensors", "linear.json", "energy.csv"):
        alone = files(apart, name)
        assert len(alone) == 2
        assert {run: files(together, name)[run] for run in alone} == alone
