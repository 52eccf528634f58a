import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
from support.golden_weights import GOLDEN, golden_json
from torch import nn

from feature_diversity.networks.resnet import resnet
from feature_diversity.training.optim import (
    LARC,
    SGD,
    learning_rate,
    make_optimizer,
    parameter_groups,
    scaled_learning_rate,
)

SCHEDULES = golden_json("lr_schedules.json")
OPTIMIZERS = golden_json("optimizer.json")
GROUPS = golden_json("param_groups.json")


# --- learning rate ---


def schedule_arguments(resolved: dict, epochs: int) -> dict:
    """VISSL's resolved schedule as arguments of `learning_rate`."""
    if resolved["name"] == "composite":
        warmup, main = resolved["schedulers"]
        rise = {"warmup": resolved["lengths"][0], "warmup_start": warmup["start_value"]}
        return rise | schedule_arguments(main, epochs)
    if resolved["name"] == "cosine":
        return {"schedule": "cosine", "base": resolved["start_value"], "end": resolved["end_value"]}
    milestones = [epoch / epochs for epoch in resolved["milestones"]]
    return {"schedule": "multistep", "base": resolved["values"][0], "milestones": milestones}


@pytest.mark.parametrize("recipe", SCHEDULES)
def test_learning_rates_are_vissls(recipe):
    golden = SCHEDULES[recipe]
    arguments = schedule_arguments(golden["resolved_schedule"], golden["num_epochs"])
    rates = [learning_rate(where, **arguments) for where in golden["where"]]
    np.testing.assert_allclose(rates, golden["lr"], rtol=1e-12)


def test_a_constant_rate_stays_after_its_warmup():
    rates = [learning_rate(where / 4, base=0.3, schedule="constant", warmup=0.5) for where in range(4)]
    assert rates == [0, 0.15, 0.3, 0.3]


def test_a_milestone_written_with_six_digits_is_passed_at_its_epoch():
    for epochs in range(2, 300):
        for milestone in range(1, epochs):
            arguments = {"base": 1, "schedule": "multistep", "milestones": [round(milestone / epochs, 6)]}
            assert learning_rate(milestone / epochs, **arguments) == 0.1
            assert learning_rate((milestone - 1) / epochs, **arguments) == 1


@pytest.mark.parametrize("where", [-0.1, 1, float("nan")])
def test_progress_outside_the_run_is_refused(where):
    with pytest.raises(ValueError, match=r"where must be in \[0, 1\)"):
        learning_rate(where, base=0.1, schedule="cosine")


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="constant, cosine or multistep, not 'linear'"):
        learning_rate(0.5, base=0.1, schedule="linear")


def test_the_rate_grows_with_the_batch():
    assert scaled_learning_rate(0.3, 4096) == pytest.approx(4.8)
    assert scaled_learning_rate(0.1, 64, reference=128) == 0.05


# --- parameter groups ---


def heads(algorithm: str) -> list[nn.Module]:
    """Linear and BatchNorm layers of VISSL's pretraining heads for a 2,048-channel trunk."""
    layers = {
        "simclr": lambda: [nn.Linear(2048, 2048), nn.Linear(2048, 128)],
        "deepclusterv2": lambda: [nn.Linear(2048, 2048), nn.Linear(2048, 128)],
        "jigsaw": lambda: [nn.Linear(2048, 1000), nn.BatchNorm1d(1000), nn.Linear(9000, 2000)],
        "rotnet": lambda: [nn.Linear(2048, 4)],
        "npid": lambda: [nn.Linear(2048, 128)],
        "pirl": lambda: [nn.Linear(2048, 128), nn.Linear(9 * 128, 128), nn.Linear(2048, 128)],
        "supervised": lambda: [nn.Linear(2048, 1000)],
    }
    return layers[algorithm]()


@pytest.mark.parametrize("case", GROUPS)
def test_weight_decay_reaches_the_parameters_it_reaches_in_vissl(case):
    algorithm, norm = case.split("_")
    recipe = next(SCHEDULES[name]["optimizer"] for name in SCHEDULES if name.split("_")[0] == algorithm)
    with torch.device("meta"):
        network = nn.ModuleDict(
            {"trunk": resnet(50, 1, norm.lower()), "head": nn.Sequential(*heads(algorithm))}
        )
    groups = parameter_groups(
        network, 1e-4, decay_norm=recipe["regularize_bn"], decay_bias=recipe["regularize_bias"]
    )

    names = {parameter: name for name, parameter in network.named_parameters()}
    decayed = [names[p] for group in groups if group["weight_decay"] == 1e-4 for p in group["params"]]
    kept = [names[p] for group in groups if group["weight_decay"] == 0 for p in group["params"]]
    golden = GROUPS[case]
    assert (len(decayed), len(kept)) == (golden["n_decayed"], golden["n_not_decayed"])
    assert sorted(decayed + kept) == sorted(names.values())
    kinds = {f"{'norm' if n.startswith('trunk') else 'head'}.{n.rsplit('.')[-1]}" for n in kept}
    assert sorted(kinds) == golden["kinds_not_decayed"]
    if norm == "BatchNorm" and kept:
        assert [name.removeprefix("trunk.") for name in kept[:6]] == golden["not_decayed_first"]


def test_a_batchnorm_bias_is_decayed_only_where_norms_and_biases_are():
    norm = nn.BatchNorm2d(3)
    decayed, kept = parameter_groups(norm, 0.1, decay_norm=True, decay_bias=False)
    assert decayed["params"] == [norm.weight]
    assert kept["params"] == [norm.bias]


def test_frozen_parameters_are_in_no_group():
    network = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
    network[0].requires_grad_(False)
    (group,) = parameter_groups(network, 0.1, decay_norm=True, decay_bias=True)
    assert group["params"] == list(network[1].parameters())


def test_nothing_to_train_is_refused():
    with pytest.raises(ValueError, match="no trainable parameters"):
        parameter_groups(nn.ReLU(), 0.1, decay_norm=True, decay_bias=True)


# --- optimisers ---


class Golden:
    """One case of optimizer.npz: start values, gradients and settings, and what VISSL's parameters became."""

    def __init__(self, case: str, dtype: torch.dtype):
        self.settings = OPTIMIZERS[case]
        self.steps = self.settings["steps"]
        self.case, self.dtype = case, dtype
        self.arrays = np.load(GOLDEN / "optimizer.npz")
        self.parameters = [nn.Parameter(self.tensor(f"init{i}")) for i in range(self.settings["num_params"])]

    def tensor(self, name: str) -> torch.Tensor:
        return torch.from_numpy(self.arrays[f"{self.case}/{name}"]).to(self.dtype)

    def optimizer(self) -> SGD:
        return make_optimizer(
            [{"params": self.parameters, "weight_decay": self.settings["weight_decay"]}],
            optimizer=self.case.split("_")[0],
            momentum=self.settings["momentum"],
            nesterov=self.settings["nesterov"],
            trust_coefficient=self.settings.get("trust_coefficient", 0.001),
            larc_clip=self.settings.get("clip", False),
        )

    def step(self, optimizer: SGD, step: int) -> None:
        for i, parameter in enumerate(self.parameters):
            parameter.grad = self.tensor(f"step{step}_grad{i}")
        for group in optimizer.param_groups:
            group["lr"] = self.settings["lr"][step]
        optimizer.step()


@pytest.mark.parametrize("case", OPTIMIZERS)
@pytest.mark.parametrize(
    ("suffix", "dtype", "tolerance"), [("f64", torch.float64, 1e-12), ("f32", torch.float32, 1e-6)]
)
def test_every_step_is_vissls(case, suffix, dtype, tolerance):
    golden = Golden(case, dtype)
    optimizer = golden.optimizer()
    for step in range(golden.steps):
        golden.step(optimizer, step)
        for i, parameter in enumerate(golden.parameters):
            name = f"{case}/step{step}_param{i}_{suffix}"
            if name in golden.arrays:
                expected = golden.tensor(f"step{step}_param{i}_{suffix}")
                torch.testing.assert_close(parameter.detach(), expected, rtol=tolerance, atol=tolerance)


def test_larc_resumes_from_its_state_dict_bit_for_bit():
    straight, resumed = Golden("larc_simclr", torch.float32), Golden("larc_simclr", torch.float32)
    optimizer, interrupted = straight.optimizer(), resumed.optimizer()
    for step in range(straight.steps):
        straight.step(optimizer, step)
        resumed.step(interrupted, step)
        state = copy.deepcopy(interrupted.state_dict())
        interrupted = resumed.optimizer()
        interrupted.load_state_dict(state)
    for one, other in zip(straight.parameters, resumed.parameters, strict=True):
        assert torch.equal(one, other)


def test_larc_leaves_the_gradients_as_they_are():
    golden = Golden("larc_simclr", torch.float64)
    golden.step(golden.optimizer(), 0)
    for i, parameter in enumerate(golden.parameters):
        assert torch.equal(parameter.grad, golden.tensor(f"step0_grad{i}"))


def test_larc_skips_parameters_without_a_gradient():
    used, unused = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    used.grad = torch.ones(3)
    LARC([{"params": [used, unused], "lr": 1.0}]).step()
    assert (used < 1).all()
    assert torch.equal(unused, torch.ones(3))


def test_larc_never_waits_for_a_value_from_the_device():
    parameter = nn.Parameter(torch.empty(4, 3, device="meta"))  # has no values: reading one raises
    parameter.grad = torch.empty_like(parameter)
    LARC([{"params": [parameter], "lr": 0.1, "weight_decay": 1e-6}], clip=True, nesterov=True).step()


def test_a_step_of_larc_does_not_depend_on_the_scale_of_the_gradient():
    steps = []
    for scale in (1e-3, 1e3):
        parameter = nn.Parameter(torch.arange(1.0, 5, dtype=torch.float64))
        parameter.grad = scale * torch.tensor([1.0, -2, 3, 4], dtype=torch.float64)
        LARC([{"params": [parameter], "lr": 1.0}], eps=0.0).step()
        steps.append(parameter.detach())
    torch.testing.assert_close(*steps)


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_gives_the_bits_of_torchs(nesterov):
    ours, theirs = (nn.Linear(40, 30) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    optimizer = SGD(
        [{"params": list(ours.parameters()), "weight_decay": 0.01}], momentum=0.9, nesterov=nesterov
    )
    reference = torch.optim.SGD(
        theirs.parameters(), lr=0.1, momentum=0.9, nesterov=nesterov, weight_decay=0.01, fused=True
    )
    for _ in range(5):
        x = torch.randn(7, 40)
        for network, chosen in ((ours, optimizer), (theirs, reference)):
            chosen.zero_grad()
            network(x).square().mean().backward()
            optimizer.param_groups[0]["lr"] = 0.1
            chosen.step()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_building_and_stepping_does_not_load_torchs_compiler():
    program = """if True:
        import sys, torch
        from feature_diversity.training.optim import LARC
        parameter = torch.ones(3, requires_grad=True)
        parameter.grad = torch.ones(3)
        LARC([{"params": [parameter], "lr": 0.1}]).step()
        sys.exit("torch._dynamo" in sys.modules)
    """
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


@pytest.mark.parametrize("name", ["sgd", "larc"])
def test_nothing_moves_before_the_loop_sets_a_rate(name):
    parameter = nn.Parameter(torch.ones(3))
    parameter.grad = torch.ones(3)
    make_optimizer([{"params": [parameter]}], optimizer=name, momentum=0.9, larc_clip=True).step()
    assert torch.equal(parameter, torch.ones(3))


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(ValueError, match="larc or sgd, not 'adam'"):
        make_optimizer([], optimizer="adam", momentum=0.9)
