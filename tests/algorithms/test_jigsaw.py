import math

import pytest
import torch
import torch.nn.functional as F
from support.checks import GoldenNetwork, assert_near, tiny, tiny_batch
from support.golden_weights import golden_arrays, golden_json

from feature_diversity.algorithms.jigsaw import distant_permutations
from feature_diversity.base.errors import InputError
from feature_diversity.data.augment import cut_patches, random_patches, shuffle_patches

PRETEXT = golden_json("pretext.json")


@pytest.mark.parametrize("case", ["perms_n24", "perms_n100"])
def test_permutations_are_those_of_vissls_script(case):
    golden = golden_arrays("pretext", case)["perms"].long()
    first = PRETEXT[case]["first_permutation_index_in_lexicographic_order"]
    assert torch.equal(distant_permutations(len(golden), 9, first), golden)


@pytest.mark.parametrize("case", ["perms_n24", "perms_n100"])
def test_patches_stand_in_the_slots_where_vissl_puts_them(case):
    golden = golden_arrays("pretext", case)
    patches = torch.arange(9).view(1, 9, 1, 1, 1).expand(12, -1, -1, -1, -1)
    orders = golden["perms"].long()[golden["labels_drawn"]]
    assert torch.equal(
        shuffle_patches(patches, orders).flatten(1), golden["source_patch_at_each_slot"].long()
    )


@pytest.mark.parametrize("case", ["patches_s96", "patches_s255"])
def test_patches_are_cut_where_vissl_cuts_them(case):
    facts, golden = PRETEXT[case], golden_arrays("pretext", case)
    side, size = facts["image_size"], facts["patch_size"]
    places = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij"))[None]
    corners = torch.tensor([[k % 3, k // 3] for k in range(9)]) * facts["grid_cell"]
    offsets = golden["top_left_row_col"] - corners  # as VISSL drew them
    assert ((offsets >= 0) & (offsets < facts["patch_jitter"])).all()
    patches = cut_patches(places, offsets[None], grid=3, size=size)
    assert torch.equal(patches[0, :, :, 0, 0], golden["top_left_row_col"])
    assert torch.equal(patches[0, :, :, -1, -1], golden["top_left_row_col"] + size - 1)


def test_the_loss_is_vissls():
    golden = golden_arrays("loss_cross_entropy", "jigsaw_100")
    logits = golden["logits0"].requires_grad_()
    algorithm = tiny("jigsaw")
    algorithm.head.puzzle = lambda x: x
    loss = algorithm.loss([logits], golden["target"], torch.Generator())
    assert_near(loss, golden_json("loss_cross_entropy.json")["jigsaw_100"]["loss_f64"])
    assert_near(torch.autograd.grad(loss, logits)[0], golden["grad0_f64"])


def test_the_network_is_vissls():
    sizes = {"grid": 3, "patch_size": 10, "permutations": 100, "patch_width": 1000}
    head = tiny("jigsaw", channels=2048, **sizes).head
    network = GoldenNetwork("jigsaw", head, [head.each, head.together])
    (patches,) = network.input(18)
    network.check(lambda x: [head.puzzle(x)], patches)


def test_patches_of_an_image_are_side_by_side_as_vissl_collates_them():
    golden = golden_arrays("pretext", "collate_siamese")
    patches = torch.arange(9.0) + 100 * torch.arange(3.0)[:, None]
    assert torch.equal(patches.view(3, 9, 1, 1, 1).flatten(0, 1).flatten(), golden["data"].float())
    head = tiny("jigsaw", grid=3, patch_size=10).head
    head.each = head.together = torch.nn.Identity()
    assert torch.equal(head.puzzle(golden["concat_head_in"]), golden["concat_head_out"])


def test_a_whole_image_stands_in_every_slot():
    head = tiny("jigsaw").head.eval()
    x = torch.randn(5, 64)
    torch.testing.assert_close(head(x), head.puzzle(x.repeat_interleave(head.pieces, dim=0)))


def test_the_target_tells_the_order_of_the_patches():
    still = {"crop_scale": [1.0, 1.0], "puzzle_size": 32, "patch_size": 16, "flip_probability": 0.0}
    algorithm = tiny("jigsaw", **still, grey_probability=0.0)
    batch = tiny_batch()
    (x,), labels = algorithm.views(batch, torch.Generator().manual_seed(0))
    patches = random_patches(batch.images, torch.Generator(), grid=2, size=16)
    expected = shuffle_patches(patches, distant_permutations(24, 4)[labels])
    torch.testing.assert_close(x, expected.flatten(0, 1))


@pytest.mark.parametrize(("count", "pieces"), [(2, 2), (24, 4), (300, 6), (50, 9), (50, 16)])
def test_permutations_are_all_different(count, pieces):
    table = distant_permutations(count, pieces)
    assert len({tuple(row) for row in table.tolist()}) == count
    assert torch.equal(table.sort(dim=1).values, torch.arange(pieces).expand(count, -1))


@pytest.mark.parametrize("pieces", [4, 9, 16])
def test_permutations_are_further_apart_than_random_ones(pieces):
    count = 12
    random = torch.rand(1000, count, pieces, generator=torch.Generator().manual_seed(0)).argsort(dim=2)
    # the largest mean distance possible is reached by as many rows as there are pieces
    assert mean_distance(distant_permutations(count, pieces)) > max(map(mean_distance, random[:200]))
    few = distant_permutations(min(pieces, 4), pieces)
    assert mean_distance(few) > 0.97 * pieces


def mean_distance(table: torch.Tensor) -> float:
    differing = (table[:, None] != table[None]).sum(dim=2).double()
    return float(differing.sum() / (len(table) * (len(table) - 1)))


def test_patches_lie_in_their_cells_column_by_column():
    places = torch.stack(torch.meshgrid(torch.arange(12), torch.arange(12), indexing="ij"))[None]
    patches = random_patches(places, torch.Generator().manual_seed(0), grid=3, size=3)
    cells = patches[0, :, :, 0, 0] // 4
    assert torch.equal(cells, torch.tensor([[k % 3, k // 3] for k in range(9)]))
    assert torch.equal(patches[0, :, :, -1, -1] // 4, cells)


@pytest.mark.parametrize("changes", [{"patch_size": 30}, {"grid": 1}, {"grid": 7}])
def test_patches_that_do_not_fit_are_refused(changes):
    with pytest.raises(InputError, match=r"jigsaw: patch_size is .* and grid .*, expected"):
        tiny("jigsaw", **changes)


@pytest.mark.parametrize("permutations", [1, math.factorial(4) + 1])
def test_more_permutations_than_there_are_are_refused(permutations):
    with pytest.raises(InputError, match=f"permutations is {permutations}, expected 2 to 24"):
        tiny("jigsaw", permutations=permutations)


def test_cross_entropy_of_equal_scores_is_that_of_guessing():
    assert float(F.cross_entropy(torch.zeros(3, 24), torch.tensor([0, 5, 23]))) == pytest.approx(math.log(24))
