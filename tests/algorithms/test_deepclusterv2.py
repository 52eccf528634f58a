import pytest
import torch
import torch.nn.functional as F
from support.checks import IMAGES, assert_near, tiny, tiny_batch
from support.golden_weights import golden_arrays, golden_json

from feature_diversity.algorithms.deepclusterv2 import cluster_loss
from feature_diversity.base.errors import InputError

CASES = golden_json("loss_deepclusterv2.json")
LOSSES = [case for case in CASES if not case.startswith("kmeans")]


@pytest.mark.parametrize("case", LOSSES)
def test_the_loss_and_its_gradient_are_vissls(case):
    facts, golden = CASES[case], golden_arrays("loss_deepclusterv2", case)
    embedding = golden["embedding"].requires_grad_()
    centroids = tuple(golden[f"centroids{head}"] for head in range(len(facts["num_clusters"])))
    assignments = golden["assignments"][:, golden["idx"]]
    loss = cluster_loss(F.normalize(embedding, dim=1), centroids, assignments, facts["temperature"])
    assert_near(loss, facts["loss_f64"])
    assert_near(torch.autograd.grad(loss, embedding)[0], golden["grad_f64"])


@pytest.mark.parametrize("case", LOSSES)
def test_a_step_has_vissls_loss_and_leaves_vissls_memory(case):
    facts, golden = CASES[case], golden_arrays("loss_deepclusterv2", case)
    algorithm = tiny(
        "deepclusterv2",
        images=facts["num_train_samples"],
        projection_size=facts["dim"],
        prototypes=facts["num_clusters"],
        temperature=facts["temperature"],
        crops=[facts["num_crops"]],
        crops_in_memory=facts["crops_for_mb"],
    ).double()
    algorithm.head = torch.nn.Identity()
    algorithm.centroids = torch.cat(
        [golden[f"centroids{head}"] for head in range(len(facts["num_clusters"]))]
    )
    algorithm.assignments = golden["assignments"]
    rows = golden["memory_index_after_first_batch"]
    loss = algorithm.loss([golden["embedding"]], rows, torch.Generator())
    assert_near(loss, facts["loss_f64"])
    memory = torch.stack([table.rows for table in algorithm.memory])
    assert_near(memory[:, rows], golden["memory_after_first_batch_f64"])


def test_crops_are_ordered_as_vissl_collates_them():
    golden = golden_arrays("pretext", "collate_multicrop")
    plain = {"crop_scales": [[1.0, 1.0]] * 2, "colour_strength": 0.0}
    algorithm = tiny("deepclusterv2", crop_sizes=[32, 16], crops=[2, 4], **plain)
    images = torch.arange(3.0).view(3, 1, 1, 1).expand(-1, 1, 32, 32) / 10
    batch = tiny_batch()
    inputs, _ = algorithm.views(type(batch)(images, batch.labels[:3], batch.rows[:3], 32), torch.Generator())
    means = torch.cat([x.mean(dim=(1, 2, 3)) for x in inputs])
    image_numbers = golden["data"] // 100  # VISSL's collator was given 100 x image + crop
    torch.testing.assert_close(means, image_numbers.float() / 10)


def test_crops_have_their_sizes():
    algorithm = tiny("deepclusterv2", crop_sizes=[32, 16], crops=[2, 4], crop_scales=[[0.3, 1.0], [0.1, 0.3]])
    inputs, _ = algorithm.views(tiny_batch(), torch.Generator())
    assert [tuple(x.shape) for x in inputs] == [(32, 3, 32, 32), (64, 3, 16, 16)]


def test_the_first_epoch_fills_the_memory_and_every_epoch_clusters_it():
    algorithm = tiny("deepclusterv2")
    torch.manual_seed(3)
    passes = [([torch.randn(2 * IMAGES, 64)], torch.arange(IMAGES))]
    with torch.no_grad():
        algorithm.start_epoch(iter(passes), torch.Generator().manual_seed(0))
    memory = torch.stack([table.rows for table in algorithm.memory])
    torch.testing.assert_close(memory.norm(dim=2), torch.ones(2, IMAGES))
    assert [len(set(clusters.tolist())) for clusters in algorithm.assignments] == [5, 4, 3]
    centroids = algorithm.centroids.clone()
    with torch.no_grad():
        algorithm.start_epoch(iter([None]), torch.Generator().manual_seed(1))
    assert torch.equal(torch.stack([table.rows for table in algorithm.memory]), memory)
    assert not torch.equal(algorithm.centroids, centroids)


@pytest.mark.parametrize("prototypes", [[71], [], [3, 71]])
def test_more_prototypes_than_images_are_refused(prototypes):
    with pytest.raises(InputError, match=r"deepclusterv2: prototypes is .*, expected numbers from 1 to 70"):
        tiny("deepclusterv2", prototypes=prototypes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({"crops": [2, 4]}, "crop_sizes, crops"), ({"crops_in_memory": [2]}, r"crops_in_memory is \[2\]")],
)
def test_lists_of_crops_that_do_not_fit_together_are_refused(changes, expected):
    with pytest.raises(InputError, match=f"recipes: deepclusterv2: {expected}"):
        tiny("deepclusterv2", **changes)
