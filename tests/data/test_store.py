import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from feature_diversity.base.errors import InputError
from feature_diversity.data import store


@pytest.fixture
def coloured():
    """Colour images in 0 ... 1 and facts with other numbers for each channel."""
    images = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return images, store.Facts("test", [0.2, 0.4, 0.6], [0.1, 0.3, 0.5], 8, 8, ["a", "b"])


def test_unit_images_are_255ths():
    images = torch.tensor([[[[0, 51, 255]]]], dtype=torch.uint8)
    assert torch.allclose(store.to_unit(images), torch.tensor([0, 0.2, 1]))


def test_unit_images_leave_the_bytes_as_they_are():
    images = torch.tensor([[[[0, 51, 255]]]], dtype=torch.uint8)
    store.to_unit(images)
    assert images.flatten().tolist() == [0, 51, 255]


def test_each_channel_is_normalised_by_its_own_numbers(coloured):
    images, facts = coloured
    expected = np.stack([(images[:, c].numpy() - facts.mean[c]) / facts.std[c] for c in range(3)], axis=1)
    assert np.allclose(store.normalise(images, facts), expected, atol=1e-6)


def test_normalised_images_are_channels_last(coloured):
    assert store.normalise(*coloured).is_contiguous(memory_format=torch.channels_last)


def test_grey_training_images_have_mean_0_and_deviation_1_in_three_channels(digits):
    facts, (split,) = store.read(digits, "train")
    x = store.normalise(store.to_unit(split.images), facts)
    assert x.shape == (64, 3, 32, 32)
    assert x.mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert (x.std(dim=(0, 2, 3)) - 1).abs().max() < 1e-5


def test_splits_come_in_the_order_asked_for(digits):
    _, splits = store.read(digits, "held_out", "train", "validation", "test")
    assert [len(split.labels) for split in splits] == [30, 64, 60, 80]
    assert [len(split.images) for split in splits] == [30, 64, 60, 80]


@pytest.fixture
def not_a_data_set(tmp_path, request, digits):
    """A file that is no prepared data set, in one of many ways."""
    path = tmp_path / "data.safetensors"
    tensors = {"x": torch.zeros(1)}
    if request.param == "text":
        path.write_text("words")
    elif request.param == "empty":
        path.write_bytes(b"")
    elif request.param == "truncated":
        path.write_bytes(digits.read_bytes()[:-100])
    elif request.param == "no metadata":
        save_file(tensors, path)
    elif request.param == "other metadata":
        save_file(tensors, path, metadata={"format": "pt"})
    elif request.param == "facts of something else":
        save_file(tensors, path, metadata={"facts": '{"run": 1}'})
    elif request.param == "facts that are not JSON":
        save_file(tensors, path, metadata={"facts": "words"})
    return path


@pytest.mark.parametrize(
    "not_a_data_set",
    [
        *("missing", "text", "empty", "truncated", "no metadata", "other metadata"),
        *("facts of something else", "facts that are not JSON"),
    ],
    indirect=True,
)
def test_a_file_that_is_no_data_set_is_refused(not_a_data_set):
    with pytest.raises(InputError, match=r"data\.safetensors is not a prepared data set .* stage `data`"):
        store.read(not_a_data_set, "train")


def test_a_split_that_the_file_lacks_is_refused(digits):
    with pytest.raises(InputError, match="is not a prepared data set"):
        store.read(digits, "extra")


@pytest.mark.parametrize("size", [20, 96])
def test_images_are_resized_as_pillow_does(size):
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    ours = store.resize(torch.from_numpy(image).permute(2, 0, 1)[None], size)[0].permute(1, 2, 0)
    theirs = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)
    assert np.abs(ours.numpy().astype(int) - np.asarray(theirs)).max() <= 1  # in 255
