import hashlib
import subprocess
import sys
import threading

import pytest
from support.file_server import FileServer

from feature_diversity.base.errors import InputError
from feature_diversity.networks.released import download
from feature_diversity.networks.released.download import cached

CONTENT = bytes(range(256)) * 40_000  # 10 MB
SUM = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(download, "WAIT", 0.001)


@pytest.fixture
def server():
    with FileServer({"x.torch": CONTENT}).running() as server:
        yield server


@pytest.fixture
def path(tmp_path):
    """Where the cache keeps the file."""
    return tmp_path / "cache" / "x.torch"


def get(server, path, **options):
    """The file through the cache."""
    return cached(f"{server.url}/x.torch", path, **{"check": lambda _: None} | options)


def visible(path):
    """Names in the cache that do not begin with a dot."""
    return {file.name for file in path.parent.iterdir() if not file.name.startswith(".")}


def test_a_file_arrives_whole_and_its_sum_is_recorded(server, path):
    assert get(server, path) == SUM
    assert path.read_bytes() == CONTENT
    assert visible(path) == {"x.torch", "x.torch.sha256"}
    check = subprocess.run(["sha256sum", "-c", "x.torch.sha256"], cwd=path.parent, capture_output=True)
    assert check.returncode == 0


def test_a_file_that_is_there_is_not_downloaded_again(server, path):
    get(server, path)
    assert get(server, path) == SUM
    assert len(server.requests) == 1


def test_a_connection_that_is_cut_is_taken_up_where_it_broke(server, path):
    server.cuts["x.torch"] = 2
    get(server, path)
    assert path.read_bytes() == CONTENT
    starts = [asked and int(asked[6:-1]) for _, asked in server.requests]
    assert starts == [None, len(CONTENT) // 2, 3 * len(CONTENT) // 4]


def test_a_download_given_up_is_taken_up_by_the_next_process(server, path, monkeypatch):
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    server.cuts["x.torch"] = 1
    with pytest.raises(InputError, match="could not be downloaded: the connection ended after 5,120,000"):
        get(server, path)
    assert visible(path) == set()
    get(server, path)
    assert path.read_bytes() == CONTENT
    assert server.requests[-1] == ("x.torch", "bytes=5120000-")


def test_a_part_is_not_joined_to_another_version_of_the_file(server, path, monkeypatch):
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    server.cuts["x.torch"] = 1
    with pytest.raises(InputError):
        get(server, path)
    server.files["x.torch"] = CONTENT[::-1]
    get(server, path)
    assert path.read_bytes() == CONTENT[::-1]


def test_a_part_longer_than_the_file_is_dropped(server, path):
    path.parent.mkdir()
    path.with_name(".x.torch.part").write_bytes(CONTENT + b"more")
    path.with_name(".x.torch.tag").write_text(f'"{hashlib.md5(CONTENT).hexdigest()}"')
    get(server, path)
    assert path.read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(server, path):
    server.answers["x.torch"] = [503, 429, 500]
    get(server, path)
    assert len(server.requests) == 4


def test_an_address_that_does_not_exist_is_not_asked_again(server, path):
    with pytest.raises(InputError, match=r"y could not be downloaded: HTTP Error 404"):
        cached(f"{server.url}/y", path, check=lambda _: None)
    assert len(server.requests) == 1


def test_no_server_at_all_is_an_input_error(path):
    with pytest.raises(InputError, match="could not be downloaded"):
        cached("http://127.0.0.1:9/x.torch", path, check=lambda _: None)


def test_a_web_page_instead_of_the_file_is_refused(server, path):
    server.html.add("x.torch")
    with pytest.raises(InputError, match="answers with a web page instead of a file"):
        get(server, path)
    server.html.clear()
    assert get(server, path) == SUM


@pytest.mark.parametrize("known", [SUM, SUM[:8]])
def test_a_known_sum_is_verified(server, path, known):
    assert get(server, path, sha256=known) == SUM


def test_a_wrong_sum_leaves_nothing_and_the_cache_usable(server, path):
    with pytest.raises(InputError, match=rf"was not kept: SHA-256 is {SUM}, expected 12345678\.\.\."):
        get(server, path, sha256="12345678")
    assert visible(path) == set()
    assert get(server, path, sha256=SUM[:8]) == SUM


def test_a_file_that_fails_the_check_leaves_nothing_and_the_cache_usable(server, path):
    def refuse(part):
        assert part.read_bytes() == CONTENT
        raise InputError("no checkpoint")

    with pytest.raises(InputError, match="was not kept: no checkpoint"):
        get(server, path, check=refuse)
    assert visible(path) == set()
    assert get(server, path) == SUM


def test_a_file_that_changed_after_its_first_use_is_refused(server, path):
    get(server, path)
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(InputError, match=rf"x\.torch: SHA-256 is .*, expected {SUM}; delete the file"):
        get(server, path)
    path.unlink()
    assert get(server, path) == SUM


def test_a_mirror_is_a_folder_or_an_address_with_the_same_names(server, path, tmp_path):
    get(server, path)
    for mirror in (str(path.parent), server.url):
        copy = tmp_path / mirror.replace("/", "_") / "x.torch"
        assert cached("http://nowhere.invalid/y", copy, check=lambda _: None, mirror=mirror) == SUM


def test_a_mirror_without_the_file_is_named(path, tmp_path):
    with pytest.raises(InputError, match=r"m/x\.torch in the mirror cannot be copied"):
        cached("http://nowhere.invalid/x", path, check=lambda _: None, mirror=str(tmp_path / "m"))


def test_offline_what_is_there_is_used_and_what_is_not_is_named(server, path):
    with pytest.raises(InputError, match=r"x\.torch is not there, and with `offline`"):
        get(server, path, offline=True)
    get(server, path)
    assert get(server, path, offline=True) == SUM
    assert len(server.requests) == 1


def test_processes_that_want_one_file_download_it_once(server, path):
    code = (
        "import sys; from pathlib import Path;"
        "from feature_diversity.networks.released.download import cached;"
        "print(cached(sys.argv[1], Path(sys.argv[2]), check=lambda _: None))"
    )
    command = [sys.executable, "-c", code, f"{server.url}/x.torch", str(path)]
    outputs = []
    environment = {"PYTHONPATH": ":".join(sys.path)}
    threads = [
        threading.Thread(
            target=lambda: outputs.append(
                subprocess.run(command, env=environment, capture_output=True, text=True).stdout.strip()
            )
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outputs == [SUM] * 3
    assert len(server.requests) == 1
