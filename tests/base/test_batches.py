import pytest

from feature_diversity.base.batches import check_batch_size
from feature_diversity.base.errors import InputError


@pytest.mark.parametrize(("batch_size", "images"), [(2, 2), (16, 70), (70, 70)])
def test_two_images_up_to_all_of_them_are_a_batch(batch_size, images):
    check_batch_size("rotnet", batch_size, images)


@pytest.mark.parametrize("batch_size", [0, 1, 71])
def test_other_batches_are_refused(batch_size):
    message = (
        rf"recipes: rotnet: batch_size is {batch_size}, expected 2 \(BatchNorm needs them\) to 70, the number"
    )
    with pytest.raises(InputError, match=message):
        check_batch_size("rotnet", batch_size, 70)


def test_a_network_that_is_left_untrained_needs_no_full_batch():
    check_batch_size("rotnet", 256, 70, trained=False)
    with pytest.raises(InputError, match="batch_size is 1, expected 2"):
        check_batch_size("rotnet", 1, 70, trained=False)


def test_processes_share_a_batch_evenly():
    check_batch_size("rotnet", 16, 70, processes=4)
    with pytest.raises(InputError, match="batch_size is 16, expected a multiple of the number of GPUs, 3"):
        check_batch_size("rotnet", 16, 70, processes=3, of="GPUs")
