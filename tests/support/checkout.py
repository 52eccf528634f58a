"""A checkout of the project in a temporary folder, to run the real Snakemake in and to edit."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "config.yaml", "workflow", "envs", "src")


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

    @property
    def results(self) -> Path:
        """Results of the tiny study."""
        return self.folder / "results" / "tiny"

    def start(self, *arguments: str, study: str = "tiny") -> subprocess.Popen:
        """Start Snakemake on a study; output and errors together in `stdout`."""
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--cores",
            "2",
            *arguments,
            "--config",
            f"study={study}",
        ]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # jobs start `python`: this one, wherever the tests run
            env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        )

    def snakemake(self, *arguments: str, study: str = "tiny") -> subprocess.CompletedProcess:
        """Run Snakemake on a study to its end."""
        with self.start(*arguments, study=study) as process:
            stdout, _ = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, stdout)

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
        environment = os.environ | {"PYTHONPATH": str(self.folder / "src")}
        result = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace text that must be in a file."""
        file = self.folder / path
        text = file.read_text()
        assert old in text, f"{old!r} is not in {path}"
        file.write_text(text.replace(old, new))
