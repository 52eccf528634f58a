import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from feature_diversity.base.errors import InputError
from feature_diversity.data import loader, store

CPU = torch.device("cpu")


@pytest.fixture
def in_memory():
    """Ten images of which each pixel is the row's number, and labels that are its negative."""
    images = torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1).expand(10, 1, 8, 8).contiguous()
    return store.Split(images, -torch.arange(10))


@pytest.fixture
def in_files(prepare_folders, class_folders):
    """The twelve training images of two class folders."""
    return store.read(prepare_folders(), "train", folder=class_folders)[1][0]


@pytest.mark.parametrize("kind", ["in_memory", "in_files"])
def test_training_batches_hold_the_rows_of_the_order_with_their_labels(kind, request):
    split = request.getfixturevalue(kind)
    order = torch.tensor([3, 1, 4, 0, 5, 9, 2])
    batches = list(loader.training_batches(split, order, 3, (1, 0)))
    assert [len(images) for images, _, _ in batches] == [3, 3, 1]
    assert torch.equal(torch.cat([rows for _, _, rows in batches]), order)
    assert torch.equal(torch.cat([labels for _, labels, _ in batches]), split.labels[order])


@pytest.mark.parametrize("kind", ["in_memory", "in_files"])
def test_of_no_rows_there_are_no_batches(kind, request):
    nothing = torch.arange(0)
    assert list(loader.training_batches(request.getfixturevalue(kind), nothing, 5, (1, 0))) == []


def test_images_in_memory_come_as_they_are(in_memory):
    order = torch.tensor([3, 1, 4, 0, 5])
    images = torch.cat([images for images, _, _ in loader.training_batches(in_memory, order, 2, (1, 0))])
    assert torch.equal(images, in_memory.images[order])


def windows(split, draw, order=None, batch_size=5):
    """All training images of one epoch, in the order of their rows."""
    order = torch.arange(len(split.labels)) if order is None else order
    batches = list(loader.training_batches(split, order, batch_size, draw))
    return torch.cat([images for images, _, _ in batches])[order.argsort()]


def test_images_in_files_come_as_squares_of_the_stored_size(in_files):
    assert windows(in_files, (1, 0)).shape == (12, 3, 37, 37)  # 32 / 0.875
    assert windows(in_files, (1, 0)).dtype == torch.uint8


def test_a_window_depends_on_seed_epoch_and_row_alone(in_files):
    reference = windows(in_files, (1, 0))
    other_order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    assert torch.equal(windows(in_files, (1, 0), other_order, batch_size=4), reference)
    assert not torch.equal(windows(in_files, (1, 1)), reference)
    assert not torch.equal(windows(in_files, (2, 0)), reference)


def test_a_window_at_each_end_is_the_end_of_the_image(in_files):
    files = in_files.images
    image = Image.open(files.folder / files.paths[0])  # 48 x 40
    for position, left in ((0.0, 0), (1.0, 8)):
        expected = image.crop((left, 0, left + 40, 40)).resize((37, 37), Image.Resampling.BILINEAR)
        window = np.empty((37, 37, 3), np.uint8)
        files.window(0, position, window)
        assert np.abs(window.astype(int) - np.asarray(expected)).max() <= 1


def test_images_in_files_are_evaluated_as_torchvision_would(in_files):
    transform = transforms.Compose([transforms.Resize(37), transforms.CenterCrop(32)])
    images = loader.evaluation_images(in_files, 32)
    for row, path in enumerate(in_files.images.paths):
        expected = transform(Image.open(in_files.images.folder / path))
        assert np.array_equal(images[row].permute(1, 2, 0), np.asarray(expected))


def test_images_in_memory_of_another_size_are_resized_for_evaluation(in_memory):
    images = loader.evaluation_images(in_memory, 16)
    assert images.shape == (10, 1, 16, 16)
    assert torch.equal(images[:, 0, 0, 0], in_memory.images[:, 0, 0, 0])


def test_a_loop_that_ends_early_leaves_no_threads_behind(in_files):
    import threading

    before = threading.active_count()
    for _ in loader.training_batches(in_files, torch.arange(12), 2, (1, 0)):
        break
    assert threading.active_count() <= before + 1
    assert windows(in_files, (1, 0)).shape[0] == 12


@pytest.mark.parametrize("content", [b"", b"words", None], ids=["empty", "text", "missing"])
def test_a_file_that_is_no_image_is_named(in_files, content):
    path = in_files.images.folder / in_files.images.paths[7]
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=path.name):
        loader.evaluation_images(in_files, 32)
    with pytest.raises(InputError, match=str(path)):
        windows(in_files, (1, 0))
