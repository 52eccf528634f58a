import contextlib
from functools import partial

import torch

from feature_diversity.compute.draws import generator, rand, randint, seeded


def draw(seed, *purpose):
    """Five normal draws of that name."""
    return torch.randn(5, generator=generator(seed, *purpose)).tolist()


def test_a_name_always_gives_the_same_draws():
    first = draw(1, "views", 3, 4)
    draw(1, "views", 3, 5)
    torch.manual_seed(5)
    torch.randn(10)
    assert draw(1, "views", 3, 4) == first


def test_draws_do_not_depend_on_the_order_of_the_calls():
    names = [(seed, purpose, step) for seed in (0, 1) for purpose in ("views", "loss") for step in (0, 1)]
    forwards = {name: draw(*name) for name in names}
    backwards = {name: draw(*name) for name in reversed(names)}
    assert forwards == backwards


def test_every_part_of_the_name_matters():
    names = [(0, "views", 1, 2), (1, "views", 1, 2), (0, "loss", 1, 2), (0, "views", 2, 1), (0, "views", 12)]
    assert len({tuple(draw(*name)) for name in names}) == len(names)


def test_taking_a_generator_leaves_the_global_state_alone():
    torch.manual_seed(5)
    expected = torch.rand(3).tolist()
    torch.manual_seed(5)
    draw(1, "views")
    assert torch.rand(3).tolist() == expected


def test_layers_made_in_a_seeded_block_are_the_same_every_time():
    weights = []
    for noise in range(2):
        torch.manual_seed(noise)
        with seeded(3, "trunk"):
            weights.append(torch.nn.Linear(4, 4).weight.tolist())
    assert weights[0] == weights[1]


def test_blocks_of_other_names_give_other_layers():
    with seeded(3, "trunk"):
        trunk = torch.rand(3).tolist()
    with seeded(3, "head"):
        assert torch.rand(3).tolist() != trunk


def test_a_seeded_block_leaves_the_global_state_alone():
    torch.manual_seed(5)
    expected = torch.rand(3).tolist()
    torch.manual_seed(5)
    with seeded(3, "trunk"):
        torch.rand(100)
    assert torch.rand(3).tolist() == expected


def test_a_seeded_block_that_fails_leaves_the_global_state_alone():
    torch.manual_seed(5)
    expected = torch.rand(3).tolist()
    torch.manual_seed(5)
    with contextlib.suppress(KeyError), seeded(3, "trunk"):
        torch.rand(100)
        raise KeyError
    assert torch.rand(3).tolist() == expected


def test_one_rank_draws_what_torch_draws():
    own, torchs = generator(1, "views"), torch.Generator().manual_seed(generator(1, "views").initial_seed())
    assert torch.equal(rand((6, 2), own), torch.rand(6, 2, generator=torchs))
    assert torch.equal(randint(3, 9, 6, own), torch.randint(3, 9, (6,), generator=torchs))


def test_ranks_share_the_draws_of_one():
    whole = generator(1, "views")
    parts = [generator(1, "views", share=(rank, 3)) for rank in range(3)]
    for draws in (rand, partial(randint, 0, 1000)):
        shares = [draws((2, 5), part) for part in parts]
        assert torch.equal(torch.stack(shares, dim=1).flatten(0, 1), draws((6, 5), whole))
