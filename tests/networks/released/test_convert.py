import pytest
import torch
from safetensors import safe_open
from support.file_server import FileServer
from support.golden_weights import GOLDEN, golden_json

from feature_diversity.base.errors import InputError
from feature_diversity.networks import model
from feature_diversity.networks.released import download
from feature_diversity.networks.released import table as released
from feature_diversity.networks.released.table import by_name
from feature_diversity.stages import zoo

CHECKPOINTS = GOLDEN / "checkpoints"
FILES = {  # rows of the table, each served as the file of its layout
    "simclr_rn50_w1_ep100": "simclr.torch",
    "jigsaw_rn50_w1_ep105": "jigsaw.torch",
    "deepclusterv2_rn50_w1_ep400": "swav_repo_style.pth.tar",
    "supervised_caffe2_rn50_w1": "converted_vissl_style.torch",
    "simclr_rn101_w1_ep100": "simclr.torch",
    "simclr_rn50_w2_ep100": "simclr.torch",
}


@pytest.fixture
def server(monkeypatch):
    """A mirror of some rows."""
    monkeypatch.setattr(download, "WAIT", 0.001)
    files = {by_name(name).file: (CHECKPOINTS / file).read_bytes() for name, file in FILES.items()}
    with FileServer(files).running() as server:
        yield server


@pytest.fixture
def run(server, tmp_path):
    """Fetch a row and write it as a model; returns the model's path."""

    def run(name, *arguments):
        path = tmp_path / "model.safetensors"
        cache = ("--cache", str(tmp_path / "cache"), "--mirror", server.url)
        zoo.main(["fetch", name, *cache, "--model", str(path), *arguments])
        return path

    return run


def test_every_value_of_a_checkpoint_is_in_the_model_file(run):
    expected = golden_json("checkpoints/manifest.json")["simclr.torch"]
    expected = {
        **{f"trunk.{key.removeprefix('_feature_blocks.')}": x for key, x in expected["trunk"].items()},
        **{f"head.{2 * int(key[0])}.{key[8:]}": facts for key, facts in expected["heads"].items()},
    }
    with safe_open(run("simclr_rn50_w1_ep100"), framework="pt") as file:
        assert set(file.keys()) == set(expected)
        for key, facts in expected.items():
            assert file.get_slice(key).get_shape() == facts["shape"]
            assert (file.get_tensor(key) == facts["value"]).all()


def test_the_model_says_where_it_comes_from(run, tmp_path):
    facts = model.read(run("deepclusterv2_rn50_w1_ep400", "--code", "abc")).facts
    row = by_name("deepclusterv2_rn50_w1_ep400")
    recorded = (tmp_path / "cache" / f"{row.file}.sha256").read_text().split()[0]
    expected = {
        "url": row.url, "sha256": recorded, "layout": "SwAV repository", "test_error": 0.2999,
    }  # fmt: skip
    assert expected.items() <= facts["released"].items()
    assert facts["network"] == {
        "algorithm": "deepclusterv2", "depth": 50, "width": 1.0, "norm": "batchnorm", "seed": 0,
    }  # fmt: skip
    assert (facts["epochs"], facts["engine"], facts["code"]) == (400, "zoo", "abc")


def test_a_model_computes_trunk_and_head(run):
    network = model.read(run("jigsaw_rn50_w1_ep105"))
    with torch.no_grad():
        assert network.head(network.trunk(torch.rand(2, 3, 32, 32))).shape == (2, 20)


def test_a_model_without_a_head_says_so(run):
    assert model.read(run("supervised_caffe2_rn50_w1", "--epochs", "90")).head is None


def test_epochs_that_nobody_states_must_be_said(run, tmp_path):
    with pytest.raises(InputError, match="epochs of supervised_caffe2_rn50_w1 are not in the table"):
        run("supervised_caffe2_rn50_w1")
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("simclr_rn101_w1_ep100", "a ResNet-101 of width 1 with"),
        ("simclr_rn50_w2_ep100", "a ResNet-50 of width 2 with"),
    ],
)
def test_a_checkpoint_of_another_depth_or_width_is_not_kept(run, name, expected, tmp_path):
    with pytest.raises(InputError, match=rf"was not kept: .* is a ResNet-50 of width 1 .*, {expected}"):
        run(name)
    assert not (tmp_path / "cache" / by_name(name).file).exists()
    assert not (tmp_path / "model.safetensors").exists()


def test_a_damaged_download_is_not_kept_and_the_next_one_works(run, server, tmp_path):
    file = by_name("simclr_rn50_w1_ep100").file
    whole = server.files[file]
    server.files[file] = whole[: len(whole) // 2]
    with pytest.raises(InputError, match=r"was not kept: .* is damaged or not a checkpoint"):
        run("simclr_rn50_w1_ep100")
    server.files[file] = whole
    assert run("simclr_rn50_w1_ep100").exists()


def test_a_known_sum_that_differs_is_refused(run, server):
    server.files["supervised_rn50_w1_ep90.pth"] = (CHECKPOINTS / "torchvision_style.pth").read_bytes()
    with pytest.raises(InputError, match=r"was not kept: SHA-256 is .*, expected 19c8e357\.\.\."):
        run("supervised_rn50_w1_ep90")


def test_several_checkpoints_fill_a_cache_without_writing_models(server, tmp_path, capsys):
    names = ["simclr_rn50_w1_ep100", "jigsaw_rn50_w1_ep105"]
    zoo.main(["fetch", *names, "--cache", str(tmp_path), "--mirror", server.url])
    assert {path.name for path in tmp_path.glob("*.torch")} == {f"{name}.torch" for name in names}
    assert capsys.readouterr().out.count("SHA-256") == 2


def test_the_list_shows_every_row(capsys):
    zoo.main(["list"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [row.name for row in released.released()]
    zoo.main(["list", "barlow"])
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_from_the_command_line_an_unknown_name_ends_with_one_message(command, tmp_path):
    result = command("zoo", "fetch", "simclr", "--cache", tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith("error: no released checkpoint 'simclr'; the nearest names are simclr_rn")
    assert not list(tmp_path.iterdir())
