"""Files of others: links are not followed where we write, and none in the report runs a script."""

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from support.report_study import study_table

from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.base.lock import locked
from feature_diversity.base.run import RUN
from feature_diversity.commands import clean_resume, stale
from feature_diversity.networks.released.download import cached, download
from feature_diversity.networks.released.layouts import read_checkpoint
from feature_diversity.report.links import links_of


@pytest.fixture
def precious(tmp_path):
    """A file of somebody's that links lead to."""
    path = tmp_path / "precious.txt"
    path.write_text("precious")
    return path


def test_a_lock_that_is_a_link_is_refused_and_what_it_leads_to_is_kept(precious, tmp_path):
    (tmp_path / "lock").symlink_to(precious)
    with pytest.raises(InputError, match="lock cannot be written"), locked(tmp_path / "lock"):
        pass
    assert precious.read_text() == "precious"


def test_a_download_that_is_a_link_is_refused_and_what_it_leads_to_is_kept(precious, tmp_path):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "a.torch").write_text("new")
    (tmp_path / ".a.torch.part").symlink_to(precious)
    with pytest.raises(InputError, match="cannot be copied"):
        cached("https://none/a.torch", tmp_path / "a.torch", check=print, mirror=str(tmp_path / "mirror"))
    assert precious.read_text() == "precious"


class Misbehaving(BaseHTTPRequestHandler):
    """A server whose second half of a file is another one, or whose length is no number."""

    def do_GET(self):
        asked = self.headers["Range"]
        self.send_response(206 if asked else 200)
        self.send_header("ETag", '"a"')
        if asked:
            self.send_header("Content-Range", "bytes 0-9/10")
        if self.path == "/abc":
            self.send_header("Content-Length", "abc")
        self.end_headers()
        self.wfile.write(b"0123456789")

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """Address of such a server, whose refusals are not waited after."""
    monkeypatch.setattr("feature_diversity.networks.released.download.WAIT", 0.001)
    with ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving) as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def test_a_part_is_not_joined_to_another_range(server, tmp_path):
    (tmp_path / "x.part").write_bytes(b"01234")
    (tmp_path / "x.tag").write_text('"a"')
    download(f"{server}/x", tmp_path / "x.part")
    assert (tmp_path / "x.part").read_bytes() == b"0123456789"


def test_a_length_that_is_no_number_is_not_believed(server, tmp_path):
    download(f"{server}/abc", tmp_path / "x.part")
    assert (tmp_path / "x.part").read_bytes() == b"0123456789"


@pytest.mark.parametrize("content", ["", "\n", "abc  a.torch\n", "\xff"])
def test_a_damaged_record_of_a_sum_is_named(tmp_path, content):
    (tmp_path / "a.torch").write_text("content")
    (tmp_path / "a.torch.sha256").write_text(content)
    with pytest.raises(InputError, match=r"a\.torch\.sha256 has no SHA-256"):
        cached("https://none/a.torch", tmp_path / "a.torch", check=print)


# --- what is told to people ---


@pytest.mark.parametrize("cut", [0, 10, 300])
def test_a_refusal_does_not_advise_to_run_what_is_in_a_file(tmp_path, cut):
    torch.save({"conv1.weight": torch.zeros(3), "other": os.system}, tmp_path / "a.pth")
    content = (tmp_path / "a.pth").read_bytes()
    (tmp_path / "a.pth").write_bytes(content[: len(content) - cut])
    with pytest.raises(InputError, match=r"a\.pth") as refusal:
        read_checkpoint(tmp_path / "a.pth")
    assert "weights_only" not in str(refusal.value)


def test_no_link_of_the_report_runs_a_script(tmp_path):
    table = study_table()
    odd = "javascript:alert(1)//"
    table["algorithm"] = table["algorithm"].replace("simclr", odd)
    (tmp_path / "logs").mkdir()
    links = links_of(table.drop_duplicates(RUN), tmp_path)
    assert not any(odd in folder for folder in links["folders"])
    assert any(folder.startswith("rotnet/") for folder in links["folders"])


@pytest.mark.parametrize("name", ["MoCo", "timm_resnet50.a1_in1k"])
def test_a_name_with_capitals_or_dots_has_its_links(tmp_path, name):
    runs = study_table().drop_duplicates(RUN).replace("simclr", name)
    (tmp_path / "logs").mkdir()
    assert all(links_of(runs, tmp_path)["folders"])


def test_a_network_of_others_has_its_links(tmp_path):
    runs = study_table().drop_duplicates(RUN).assign(depth=0, width=0.0, norm="own", algorithm="resnet18")
    (tmp_path / "logs").mkdir()
    assert all(folder.startswith("resnet18/model_") for folder in links_of(runs, tmp_path)["folders"])


def test_a_study_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"missing\.yaml does not exist"):
        stale.main(["--results", str(tmp_path), "--study", str(tmp_path / "missing.yaml")])


# --- what killed processes leave ---


def test_files_half_written_are_listed_and_removed_unless_they_are_being_written(tmp_path, capsys):
    folder = tmp_path / "demo" / "simclr" / "resnet14_w0.25_batchnorm_ep41_seed1"
    folder.mkdir(parents=True)
    old, new = folder / ".energy.csv.abc.part", folder / ".linear.json.abc.part"
    for path in (old, new):
        path.write_bytes(bytes(2_000_000))
    os.utime(old, (0, 0))
    stale.main(["--results", str(tmp_path)])
    said = capsys.readouterr().out
    assert f"{old}: half written" in said
    assert str(new) not in said
    clean_resume.main(["--results", str(tmp_path)])
    assert f"{old}: half written" in capsys.readouterr().out
    assert [path.name for path in folder.iterdir()] == [new.name]


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to a pipe"])
def test_what_is_no_file_is_not_replaced_by_one(tmp_path, kind):
    """As root, a result written to a device would take its place."""
    target = tmp_path / "output.csv"
    if kind == "folder":
        target.mkdir()
    else:
        os.mkfifo(tmp_path / "pipe")
        target = tmp_path / "pipe" if kind == "pipe" else target
        if kind != "pipe":
            target.symlink_to(tmp_path / "pipe")
    with (
        pytest.raises(InputError, match="is a folder, a device or a pipe, expected a file"),
        atomic_write(target),
    ):
        pass
    assert not target.is_file()
