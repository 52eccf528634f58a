"""The metric and the loss: the same energy, whatever the batches and the ranks."""

import doctest
import multiprocessing
import socket

import pytest
import torch
import torch.distributed as dist

from feature_diversity import HypersphericalEnergy, HypersphericalEnergyLoss, hyperspherical_energy
from feature_diversity.networks.others import energy_modules


@pytest.fixture(scope="module")
def features():
    return torch.randn(23, 4, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def energy_of(features, s=1, center=False):
    return hyperspherical_energy(features.numpy(), s, center=center).value[s]


@pytest.mark.parametrize("s", [0, 1, 2])
@pytest.mark.parametrize("center", [False, True])
def test_batches_have_the_energy_of_all_their_vectors(features, s, center):
    metric = HypersphericalEnergy(s, center=center)
    for batch in features.split([1, 10, 12]):
        metric.update(batch)
    assert metric.compute().item() == pytest.approx(energy_of(features, s, center), abs=1e-10)
    assert metric.compute().dtype == torch.float64


def test_a_reset_forgets_and_a_call_returns_the_energy_of_its_batch(features):
    metric = HypersphericalEnergy()
    metric.update(features)
    metric.reset()
    assert metric(features[:9]).item() == pytest.approx(energy_of(features[:9]), abs=1e-10)
    assert metric(features[9:]).item() == pytest.approx(energy_of(features[9:]), abs=1e-10)
    assert metric.compute().item() == pytest.approx(energy_of(features), abs=1e-10)


def test_states_hold_no_graph_and_do_not_change_with_the_batch(features):
    batch = features.clone().requires_grad_()
    metric = HypersphericalEnergy()
    metric.update(batch)
    with torch.no_grad():
        batch.zero_()
    assert metric.compute().item() == pytest.approx(energy_of(features), abs=1e-10)
    assert not metric.compute().requires_grad


def one_rank(rank, ranks, port, parts, results):
    address = f"tcp://127.0.0.1:{port}"
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=ranks)
    metric = HypersphericalEnergy(s=2)
    for batch in parts[rank]:
        metric.update(batch)
    results.put((rank, metric.compute().item(), len(metric.features)))
    dist.destroy_process_group()


def test_ranks_with_different_numbers_of_vectors_agree_on_the_energy_of_all(features):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    parts = [[features[:4], features[4:9]], [features[9:]], []]  # the last rank has none
    context = multiprocessing.get_context("spawn")
    results = context.SimpleQueue()
    processes = [context.Process(target=one_rank, args=(rank, 3, port, parts, results)) for rank in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
        assert process.exitcode == 0
    for rank, value, batches in sorted(results.get() for _ in processes):
        assert value == pytest.approx(energy_of(features, 2), abs=1e-10)
        assert batches == len(parts[rank])  # a gathered state would be counted twice by the next compute


@pytest.mark.parametrize("s", [0, 1, 2])
@pytest.mark.parametrize("center", [False, True])
def test_the_gradient_of_the_loss_is_that_of_finite_differences(features, s, center):
    loss = HypersphericalEnergyLoss(s, center=center)
    x = features[:6].clone().requires_grad_()
    assert torch.autograd.gradcheck(loss, x, atol=1e-6, rtol=1e-6)
    assert loss(x).item() == pytest.approx(energy_of(features[:6], s, center), abs=1e-10)


def test_descent_on_the_loss_ends_at_the_least_energy_of_four_points():
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    optimizer = torch.optim.SGD([x], lr=0.5)
    loss = HypersphericalEnergyLoss()
    for _ in range(500):
        optimizer.zero_grad()
        loss(x).backward()
        optimizer.step()
    assert loss(x).item() == pytest.approx((8 / 3) ** -0.5, abs=1e-6)  # a tetrahedron's edges


def test_a_loss_in_half_precision_has_a_gradient_in_half_precision():
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).bfloat16().requires_grad_()
    HypersphericalEnergyLoss()(x).backward()
    assert x.grad.dtype == torch.bfloat16
    assert torch.isfinite(x.grad).all()


def test_bad_input_is_one_message(features):
    metric = HypersphericalEnergy()
    with pytest.raises(ValueError, match=r"no features: compute\(\) was called before update"):
        metric.compute()
    with pytest.raises(ValueError, match=r"features are torch.float64 of shape \(4,\), expected B x D"):
        metric.update(features[0, :, 0])
    metric.update(features)
    with pytest.raises(ValueError, match="features have lengths 5, 12, expected one"):
        metric.update(torch.ones(2, 5))
    assert metric.compute().item() == pytest.approx(energy_of(features), abs=1e-10)
    with pytest.raises(ValueError, match="s"):
        HypersphericalEnergy(s=-1)
    with pytest.raises(ValueError, match="have one direction"):
        HypersphericalEnergyLoss()(torch.ones(2, 3, requires_grad=True))


def test_the_examples_run():
    assert doctest.testmod(energy_modules).failed == 0
    assert doctest.testmod(energy_modules).attempted == 6
