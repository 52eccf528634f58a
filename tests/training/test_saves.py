import pytest
import torch

from feature_diversity.training.saves import load_state, save_state


def save(folder, *steps):
    """Save a state after each of the numbers of steps."""
    for step in steps:
        save_state(folder, step, {"weight": torch.full((3,), step), "history": [{"step": step}]})


def names(folder):
    """Names of the files in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


def test_a_state_comes_back_as_it_was(tmp_path):
    save(tmp_path, 7)
    state = load_state(tmp_path)
    assert torch.equal(state["weight"], torch.tensor([7, 7, 7]))
    assert state["history"] == [{"step": 7}]


def test_the_newest_state_comes_back(tmp_path):
    save(tmp_path, 1, 2, 3)
    assert load_state(tmp_path)["history"] == [{"step": 3}]


def test_only_two_states_are_kept(tmp_path):
    save(tmp_path, 8, 9, 10, 11)
    assert names(tmp_path) == ["state_000000010.pt", "state_000000011.pt"]


def test_without_a_state_there_is_none(tmp_path):
    assert load_state(tmp_path) is None


def flip_a_bit(content):
    """The content with one bit in its middle turned over."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [flip_a_bit, lambda content: content[:-1], lambda content: content[:10], lambda content: b""],
    ids=["one bit", "end missing", "ten bytes", "empty"],
)
def test_a_damaged_newest_state_is_passed_over_with_a_warning(tmp_path, capsys, damage):
    save(tmp_path, 1, 2)
    newest = tmp_path / "state_000000002.pt"
    newest.write_bytes(damage(newest.read_bytes()))
    assert load_state(tmp_path)["history"] == [{"step": 1}]
    assert capsys.readouterr().err == f"warning: {newest} is damaged; trying the state before it\n"


def test_two_damaged_states_are_as_good_as_none(tmp_path):
    save(tmp_path, 1, 2)
    for path in tmp_path.iterdir():
        path.write_bytes(flip_a_bit(path.read_bytes()))
    assert load_state(tmp_path) is None
