"""Two checkouts with a folder of trainings in common: each training they share is done once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.checkout import Checkout

pytestmark = pytest.mark.workflow
RUN = "resnet14_w0.125_batchnorm_ep2_seed1"


def trained(checkout: Checkout, study: str) -> set[str]:
    """Algorithms that were trained here: their logs have epochs."""
    logs = (checkout.folder / "results" / study / "logs" / "pretrain").glob("*/*.log")
    return {log.parent.name for log in logs if "epoch 1/2" in log.read_text()}


def test_two_studies_of_two_checkouts_train_what_they_share_once(tmp_path: Path):
    models = {
        study: [f"results/{study}/{name}/{RUN}/model.safetensors" for name in names]
        for study, names in {"tiny": ("simclr", "supervised"), "other": ("simclr", "rotnet")}.items()
    }
    for study in models:
        (tmp_path / study).mkdir()
    checkouts = {study: Checkout.make(tmp_path / study) for study in models}
    studies = checkouts["other"].folder / "workflow" / "studies"
    (studies / "tiny.yaml").rename(studies / "other.yaml")
    checkouts["other"].edit("workflow/studies/other.yaml", "[simclr, supervised]", "[simclr, rotnet]")
    for checkout in checkouts.values():
        checkout.edit("config.yaml", 'shared_trainings: ""', f"shared_trainings: {tmp_path / 'shared'}")

    def run(study: str) -> str:
        result = checkouts[study].snakemake(*models[study], study=study)
        assert result.returncode == 0, result.stdout
        return result.stdout

    with ThreadPoolExecutor() as pool:
        list(pool.map(run, models))
    done = [trained(checkouts[study], study) for study in models]
    assert {"supervised"} <= done[0]
    assert {"rotnet"} <= done[1]
    assert sorted([*done[0], *done[1]]) == ["rotnet", "simclr", "supervised"]
    a, b = (checkouts[study].folder / models[study][0] for study in models)
    assert a.read_bytes() == b.read_bytes()
    assert not a.is_symlink()
    assert "Nothing to be done" in run("other")
