import csv
import math

import pytest

from feature_diversity.base.errors import InputError
from feature_diversity.base.run import Run
from feature_diversity.networks.released.table import TABLE, by_name, nearest, of_run, released


def test_no_two_rows_share_a_name_a_file_or_a_cell():
    rows = released()
    assert len({row.name for row in rows}) == len({row.file for row in rows}) == len(rows) == 52
    assert len({row.url for row in rows}) == len(rows)
    assert len({(row.algorithm, row.depth, row.width, row.epochs) for row in rows}) == len(rows)


def test_every_algorithm_of_the_paper_was_released():
    paper = {"simclr", "deepclusterv2", "jigsaw", "rotnet", "npid", "pirl", "supervised"}
    assert paper <= {row.algorithm for row in released()}


def test_ten_simclr_checkpoints_were_released():
    assert sum(row.algorithm == "simclr" for row in released()) == 10


def test_the_published_error_is_what_the_accuracy_leaves():
    assert by_name("simclr_rn50_w1_ep800").test_error == 0.3032
    assert all(0.2 < row.test_error < 0.6 for row in released())


def test_files_keep_their_endings():
    assert by_name("simclr_rn50_w1_ep100").file == "simclr_rn50_w1_ep100.torch"
    assert by_name("deepclusterv2_rn50_w1_ep400").file == "deepclusterv2_rn50_w1_ep400.pth.tar"


def test_sums_in_torchvisions_file_names_are_known():
    with open(TABLE, newline="") as file:
        rows = [
            row for row in csv.DictReader(file) if "resnet50-" in row["url"] or "resnet101-" in row["url"]
        ]
    assert len(rows) == 2
    assert all(row["url"].endswith(f"-{row['sha256']}.pth") for row in rows)


def test_a_run_is_a_row():
    assert of_run(Run("simclr", 50, 2.0, "batchnorm", 1000, 0)).name == "simclr_rn50_w2_ep1000"
    assert of_run(Run("pirl_mlp", 50, 1.0, "batchnorm", 200, 0)).name == "pirl_mlp_rn50_w1_ep200"


def test_epochs_that_the_table_does_not_know_are_the_studys():
    assert of_run(Run("byol", 200, 2.0, "batchnorm", 1000, 0)).name == "byol_rn200_w2"


@pytest.mark.parametrize(
    ("run", "near"),
    [
        (Run("simclr", 50, 1.0, "batchnorm", 300, 0), "epochs 300, seed 0; .*width 1, epochs 400"),
        (Run("simclr", 152, 1.0, "batchnorm", 1000, 0), "simclr, depth 101, width 1, epochs 1000"),
        (Run("simlcr", 50, 1.0, "batchnorm", 100, 0), "simclr, depth 50, width 1, epochs 100"),
        (Run("simclr", 50, 1.0, "layernorm", 100, 0), "all with norm batchnorm"),
        (Run("simclr", 50, 1.0, "batchnorm", 100, 1), "seed 0 by convention"),
        (Run("simclr", 50, 1.0, "batchnorm", 0, 0), "the nearest are"),
    ],
)  # fmt: skip
def test_a_run_that_was_never_released_names_the_nearest(run, near):
    with pytest.raises(InputError, match=near):
        of_run(run)


def test_the_nearest_row_comes_first():
    assert nearest(Run("simclr", 50, 4.0, "batchnorm", 800, 0))[0].name == "simclr_rn50_w4_ep1000"
    assert all(math.isfinite(row.top1_percent) for row in nearest(Run("x", 14, 0.25, "layernorm", 0, 5)))


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(InputError, match=r"no released checkpoint 'simclr_rn50'; .*simclr_rn50_w1_ep100"):
        by_name("simclr_rn50")
