import math

import numpy as np
import pytest
import torch

from feature_diversity import hyperspherical_energy
from feature_diversity.measures import energy

POWERS = [0, 1, 2, 0.5]


def features(n=12, dim=5, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim)) + 0.3


def finite_differences(x: np.ndarray, s: float, center: bool, step: float) -> np.ndarray:
    """Central differences of fourth order of the energy of arrays."""
    result = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        for factor, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
            moved = x.copy()
            moved[place] += factor * step
            result[place] += weight * energy.hyperspherical_energy(moved, s, center=center).value[s]
    return result / (12 * step)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("s", POWERS)
@pytest.mark.parametrize("block_size", [None, 5])
def test_the_gradient_is_that_of_finite_differences(s, center, block_size):
    x = features()
    tensor = torch.from_numpy(x).requires_grad_()
    hyperspherical_energy(tensor, s, center=center, block_size=block_size).value[s].backward()
    expected = finite_differences(x, s, center, step=1e-3)
    np.testing.assert_allclose(tensor.grad.numpy(), expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("angle", [1e-2, 1e-3, 1e-5])
def test_the_gradient_of_near_rows_is_exact(angle):
    """Of two directions in the plane e_1 = 1 / (2 sin(t / 2)), whatever their lengths."""
    t = torch.tensor(angle, dtype=torch.float64, requires_grad=True)
    rows = torch.stack([torch.stack([3 * torch.cos(t), 3 * torch.sin(t)]), torch.tensor([1.0, 0.0]).double()])
    result = hyperspherical_energy(rows, s=1).value[1]
    result.backward()
    assert result.item() == pytest.approx(1 / (2 * math.sin(angle / 2)), rel=1e-9)
    derivative = -math.cos(angle / 2) / (4 * math.sin(angle / 2) ** 2)
    assert t.grad.item() == pytest.approx(derivative, rel=1e-6)


def test_tensors_of_all_axes_and_dtypes_have_the_energies_of_arrays():
    x = features(10, 24).reshape(10, 2, 3, 4)
    for dtype in (torch.float64, torch.float32, torch.float16, torch.int64):
        tensor = torch.from_numpy(10 * x).to(dtype)
        result, expected = (
            hyperspherical_energy(y, POWERS, reduction="sum") for y in (tensor, tensor.numpy())
        )
        for s in POWERS:
            assert result.value[s].item() == pytest.approx(expected.value[s], rel=1e-10)
            assert result.standard_error[s] == pytest.approx(expected.standard_error[s], rel=1e-8)
        assert (result.n, result.dim) == (10, 24)


def test_a_loss_of_float32_features_gives_a_float32_gradient_and_spreads_directions():
    x = torch.from_numpy(features()).float().requires_grad_()
    before = hyperspherical_energy(x, s=1).value[1]
    before.backward()
    assert x.grad.dtype == torch.float32
    after = hyperspherical_energy((x - 0.1 * x.grad).detach(), s=1).value[1]
    assert after < before


def test_bfloat16_is_exact_too():
    tensor = torch.from_numpy(features()).bfloat16()
    expected = hyperspherical_energy(tensor.double().numpy(), 1).value[1]
    assert hyperspherical_energy(tensor, 1).value[1].item() == pytest.approx(expected, rel=1e-10)


BAD = [
    ([[1.0, 2.0]], {}, "at least two"),
    ([1.0, 2.0, 3.0], {}, "at least two"),
    ([[1, math.nan], [2, 3]], {}, "row 0 is not finite: its value 1 is nan"),
    ([[1.0, 2.0], [0, 0]], {}, "row 1 is zero: it has no direction"),
    ([[1.0, 2.0], [1, 2], [1, 2]], {"center": True}, "row 0 equals the mean of all rows"),
    ([[1.0, 2.0], [1, 2], [1, 2]], {"duplicates": "raise"}, "rows 0 and 1 have one direction"),
    ([[1.0, 2.0], [2, 1]], {"s": -1}, "s must be a finite number >= 0, got -1"),
    ([[1.0, 2.0], [2, 1]], {"reduction": "max"}, "reduction must be one of mean, sum"),
    ([[1.0, 2.0], [2, 1]], {"duplicates": "drop"}, "duplicates must be one of inf, raise"),
    ([[1.0, 2.0], [2, 1]], {"block_size": 0}, "block_size must be at least 1, got 0"),
    ([[1j, 2.0], [2, 1]], {}, "real"),
]


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
@pytest.mark.parametrize(("values", "options", "message"), BAD)
def test_bad_input_has_one_message_for_arrays_and_tensors(kind, values, options, message):
    with pytest.raises(ValueError, match=message):
        hyperspherical_energy(kind(values), **options)


def test_constant_features_have_infinite_energy_and_no_gradient():
    x = torch.ones(3, 4)
    result = hyperspherical_energy(x, s=1)
    assert result.value[1] == math.inf
    assert result.duplicates == [(0, 1), (0, 2), (1, 2)]
    with pytest.raises(ValueError, match="rows 0 and 1 have one direction: their energy is infinite"):
        hyperspherical_energy(x.requires_grad_(), s=1)


@pytest.mark.parametrize("options", [{"distance": "angular"}, {"half_space": True}, {"gram": np.eye(2)}])
def test_what_tensors_do_not_have_is_refused(options):
    with pytest.raises(ValueError, match="are for arrays"):
        hyperspherical_energy(torch.eye(2), **options)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_value_and_gradient():
    x = torch.from_numpy(features(200, 30))
    both = [x.clone().requires_grad_(), x.cuda().requires_grad_()]
    values = [hyperspherical_energy(each, s=1).value[1] for each in both]
    for value in values:
        value.backward()
    assert values[1].is_cuda
    assert values[1].item() == pytest.approx(values[0].item(), rel=1e-10)
    torch.testing.assert_close(both[1].grad.cpu(), both[0].grad, rtol=1e-9, atol=1e-12)
