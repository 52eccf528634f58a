"""A checkout of the project in a temporary folder, to run the real Snakemake in and to edit."""

import atexit
import fcntl
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVER = Path(__file__).with_name("snakemake_server.py")
PARTS = ("Snakefile", "config.yaml", "profiles", "workflow", "envs", "src")
PRINTED = "printed.txt"


def environment() -> dict[str, str]:
    """Jobs start `python`: this one, wherever the tests run."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONFAULTHANDLER": "1"}  # a crash says where


@cache
def server() -> str:
    """The socket of a process that runs Snakemake, which is started once and ends with this one."""
    folder = tempfile.mkdtemp()
    path = f"{folder}/socket"
    process = subprocess.Popen([sys.executable, SERVER, path])

    @atexit.register
    def end() -> None:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)

    while not listens(path):
        assert process.poll() is None
        time.sleep(0.01)
    return path


def listens(path: str) -> bool:
    """Whether somebody takes connections there: a socket is in the folder before it does."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True


@dataclass(frozen=True)
class Checkout:
    """folder: a copy of the project, with `tests/workflow/tiny.yaml` among its studies."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Checkout":
        """Copy the project's sources to `folder`."""
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
            copy(ROOT / part, folder / part)
        shutil.copy2(ROOT / "tests" / "workflow" / "tiny.yaml", folder / "workflow" / "studies")
        return cls(folder)

    @classmethod
    def finished(cls, folder: Path, shared: Path) -> "Checkout":
        """Copy a checkout whose tiny study is finished to `folder`.

        shared: a folder that all tests have in common. The study is made there once, by who comes first.
        """
        made, part = shared / "finished", shared / "unfinished"
        with open(shared / "finished.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                part.mkdir()
                result = cls.make(part).snakemake("--printshellcmds")
                assert result.returncode == 0, result.stdout
                (part / PRINTED).write_text(result.stdout)
                part.rename(made)
        subprocess.run(["cp", "--archive", f"{made}/.", folder], check=True)  # with times, and links as links
        return cls(folder)

    @property
    def printed(self) -> str:
        """What Snakemake printed when it made the finished study."""
        return (self.folder / PRINTED).read_text()

    @property
    def results(self) -> Path:
        """Results of the tiny study."""
        return self.folder / "results" / "tiny"

    def start(self, *arguments: str, study: str = "tiny", session: bool = False) -> subprocess.Popen:
        """Start Snakemake on a study, as a user does; output and errors together in `stdout`.

        session: with a process group of its own, that a terminal's Ctrl-C would reach as a whole.
        """
        command = [sys.executable, "-m", "snakemake", *self.options(arguments, study)]
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        output["start_new_session"] = session
        return subprocess.Popen(command, cwd=self.folder, env=environment(), **output)

    def snakemake(self, *arguments: str, study: str = "tiny") -> subprocess.CompletedProcess:
        """Run Snakemake on a study to its end, in a fork of a process that has loaded it."""
        options = self.options(arguments, study)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(server())
            connection.sendall(json.dumps([str(self.folder), options, environment()]).encode() + b"\n")
            output, _, code = connection.makefile("rb").read().rpartition(b"\0")
        return subprocess.CompletedProcess(options, int(code), output.decode())

    def options(self, arguments: tuple[str, ...], study: str) -> list[str]:
        """Snakemake's, with those that every run has: of its own output, unless a profile is among them."""
        profile = [] if "--workflow-profile" in arguments else ["--workflow-profile", "none"]
        return ["--cores", "2", *profile, *arguments, "--config", f"study={study}"]

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs of a dry run: rule -> how many. Empty if there is nothing to do."""
        result = self.snakemake("--dry-run", *arguments)
        assert result.returncode == 0, result.stdout
        if "Nothing to be done" in result.stdout:
            return {}
        table = re.search(
            r"^Job stats:\njob +count\n-+ +-+\n(.*?)\n\n", result.stdout, re.DOTALL | re.MULTILINE
        )
        counts = dict(re.findall(r"^(\w+) +(\d+)$", table.group(1), re.MULTILINE))
        return {rule: int(count) for rule, count in counts.items() if rule not in ("all", "total")}

    def plan(self) -> str:
        """What the command `plan` prints about the tiny study."""
        command = [sys.executable, "-m", "feature_diversity", "plan", "--study", "tiny"]
        ours = os.environ | {"PYTHONPATH": str(self.folder / "src")}
        result = subprocess.run(command, cwd=self.folder, env=ours, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace text that must be in a file."""
        file = self.folder / path
        text = file.read_text()
        assert old in text, f"{old!r} is not in {path}"
        file.write_text(text.replace(old, new))
