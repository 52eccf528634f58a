"""Whether a kill changes a result: python benchmarks/kills.py CHECKOUT KILLS SEED

CHECKOUT: a folder, to which this checkout is copied unless there is one. A small study is made there
undisturbed, and then in rounds, in each of which jobs, Snakemake or all of it is killed and the same
command given again, until there were so many kills, and five of each stage. What a round leaves is compared
with what the undisturbed one left, file by file and bit by bit, but for times (`content`). Each round is a
line of CHECKOUT/kills_SEED.jsonl, from where a run that was cut off goes on. The product has no hook for
it: the temporary file of an output is looked for every half a millisecond, and while its bytes go to the
disk it has the mode of the finished file already.
"""

import csv
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "config.yaml", "profiles", "workflow", "envs", "src")
STUDY = """\
description: killed again and again
dataset: {name: digits, image_size: 32, test: 100, validation: 50, held_out: 30, train: 128}
schedule: trajectory
recipe: small_images
recipes: {simclr: {batch_size: 64}}
variants:
  untreated: {penalty: {layer: trunk, lever: energy, weight: 0}}
  crowded: {penalty: &dose {layer: trunk, lever: energy, delta: -1, kappa: 1, reference: untreated}}
  clamped: {penalty: {<<: *dose, delta: 0}}
  spread: {penalty: {<<: *dose, delta: 1}}
layers: [conv1, trunk, head]
figures:
  figure1: &grid {algorithm: simclr, depth: 14, width: 0.125, norm: batchnorm, epochs: [0, 3], seed: 1,
    variant: untreated}
  variants: {<<: *grid, variant: [untreated, crowded, clamped, spread]}
"""
# Stage -> its outputs, in the order in which they come
OUTPUTS = {
    "data": ["data.safetensors", "held_out.csv"],
    "pretrain": ["trainings/*/*", "trainings/*/*/*", "*/*/model.safetensors", "*/*/history.csv"],
    "pixels": ["pixels.json"],
    "extract": ["*/*/features/*"],
    "linear_eval": ["*/*/linear.json"],
    "energy": ["*/*/energy.csv", "*/*/measures.csv"],
    "tabulate": ["results.csv", "results.parquet"],
    "intervention": ["intervention.csv", "figures/intervention.*"],
    "claims": ["claims.csv"],
    "predict": ["prediction.csv"],
    "figures": ["figures/*"],
    "summary": ["summary.txt", "verdicts.txt"],
    "report": ["report.html", "provenance.json"],
}
WHOM = ("the job", "Snakemake", "everything")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
MOMENTS = ("any", "an output is written", "it goes to the disk", "it has its name")
MOST_OF_A_ROUND = 3  # kills of one stage
LEAST = 5  # of one stage in all rounds
PATIENCE = 10  # times what the undisturbed study takes, after which a round hangs
# What tells times, memory and packages loaded, in provenance.json and finished.json
TIMES = ("started", "seconds", "memory", "machine", "finished", "taken")
TOLD = re.compile(rb"<td>\d+\.\d\d</td>|Made [-\d: ]+ UTC")  # by the page: hours and GiB of jobs, the time


class Rounds:
    """The study in a checkout, made again and again."""

    def __init__(self, checkout: Path, seed: int) -> None:
        self.folder = checkout.resolve()
        self.study = self.folder / "results" / "killed"
        self.draws = random.Random(seed)
        self.kills: list[dict[str, str]] = []  # of this round
        self.environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        self.environment |= {"OMP_NUM_THREADS": "1"}
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)  # else every process compiles the package anew
        self.log = open(self.folder / f"kills_{seed}.log", "a+", encoding="utf-8")  # noqa: SIM115  to the end

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """Give the command that a user gives; it is always the same."""
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--config", "study=killed.yaml"]
        command += options
        self.log.seek(0, os.SEEK_END)
        self.begun = self.log.tell()
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=self.log, stderr=self.log
        )

    def said(self) -> str:
        """What the last command said."""
        self.log.seek(self.begun)
        return self.log.read()

    def undisturbed(self) -> None:
        """Make what the others are compared with, once, and look how long each stage takes."""
        self.reference = self.folder / "undisturbed"
        if not self.reference.exists():
            self.clean()
            begin = time.monotonic()
            if self.start().wait():
                sys.exit(f"error: the undisturbed study failed\n{self.said()[-2000:]}")
            (self.study / "seconds.txt").write_text(str(time.monotonic() - begin))
            self.study.rename(self.reference)
        self.limit = PATIENCE * float((self.reference / "seconds.txt").read_text())
        self.seconds: dict[str, float] = {}
        for path in (self.reference / "benchmarks").rglob("*.tsv"):
            stage = path.relative_to(self.reference / "benchmarks").with_suffix("").parts[0]
            with path.open() as file:
                self.seconds[stage] = float(next(csv.DictReader(file, delimiter="\t"))["s"])
        self.files = {path for path in files_of(self.reference) if path != Path("seconds.txt")}
        self.outputs = {
            stage: [path for path in self.files if any(path.match(pattern) for pattern in patterns)]
            for stage, patterns in OUTPUTS.items()
        }

    def clean(self) -> None:
        """Remove all that was made, but for what Python compiled."""
        for folder in (self.folder / "results", self.folder / ".snakemake"):
            shutil.rmtree(folder, ignore_errors=True)

    def processes(self, stage: str | None = None) -> list[int]:
        """The processes that run in the checkout, or those of a stage."""
        found = []
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                try:
                    here = os.readlink(f"/proc/{entry.name}/cwd") == str(self.folder)
                    words = Path(entry.path, "cmdline").read_bytes().split(b"\0") if here else []
                except OSError:  # it has ended, or is another user's
                    continue
                if here and (stage is None or words[1:4] == [b"-m", b"feature_diversity", stage.encode()]):
                    found.append(int(entry.name))
        return found

    def round(self, number: int, hits: Counter[str]) -> dict[str, object]:
        """Make the study with kills; what was killed, and what came of it."""
        self.clean()
        self.kills = []
        begin, hung = time.monotonic(), False
        while not hung:
            snakemake, killed = self.start(), None
            while not killed and snakemake.poll() is None and (target := self.next_target(hits)):
                killed = self.kill(snakemake, target)
            if killed:
                self.kills.append(killed)
                print(f"round {number}: {json.dumps(killed)}", flush=True)
            while snakemake.poll() is None and not hung:
                time.sleep(0.05)
                hung = time.monotonic() - begin > self.limit * (1 + len(self.kills))
            if snakemake.poll() == 0 and not killed:
                break
            if snakemake.poll() and "--unlock" in self.said():
                self.start("--unlock").wait()
        while self.processes() and not hung:  # a job may have outlived its Snakemake
            time.sleep(0.05)
            hung = time.monotonic() - begin > self.limit * (1 + len(self.kills))
        for process in self.processes():
            os.kill(process, signal.SIGKILL)
        came = self.compared()
        if any(came.values()):  # kept, to be looked at
            self.study.rename(self.folder / f"round_{number}")
        return {"kills": self.kills, "hung": hung, **came}

    def next_target(self, hits: Counter[str]) -> str | None:
        """The stage to kill next: the first with outputs to come that was not hit enough already."""
        mine = Counter(kill["stage"] for kill in self.kills)
        to_come = [stage for stage in self.outputs if not self.done(stage)]
        least = min((hits[stage] + mine[stage] for stage in to_come), default=0)
        for stage in to_come:
            if mine[stage] < MOST_OF_A_ROUND and hits[stage] + mine[stage] <= least + 2:
                return stage
        return None

    def done(self, stage: str) -> bool:
        """Whether all outputs of a stage are there."""
        return all((self.study / file).exists() for file in self.outputs[stage])

    def kill(self, snakemake: subprocess.Popen[bytes], stage: str) -> dict[str, str] | None:
        """Wait for a job of a stage and a moment of it, and kill; None if it did not come to that."""
        moment, whom, number = (self.draws.choice(options) for options in (MOMENTS, WHOM, SIGNALS))
        seen: set[int] = set()
        while snakemake.poll() is None and not self.done(stage):
            for job in self.processes(stage):
                if job in seen or not self.wait_for(moment, job, stage):
                    seen.add(job)
                    continue
                targets = {
                    "the job": [job],
                    "Snakemake": [snakemake.pid],
                    "everything": self.processes(),
                }[whom]
                for process in targets:
                    if process in self.processes():
                        os.kill(process, number)
                return {"stage": stage, "moment": moment, "whom": whom, "signal": number.name}
            time.sleep(0.01)
        return None

    def wait_for(self, moment: str, job: int, stage: str) -> bool:
        """Wait for a moment of a job; whether it came before the job had ended."""
        until = time.monotonic() + self.draws.uniform(0, self.seconds[stage])
        before, checked = self.state(stage), 0.0
        while True:
            new = self.state(stage) - before
            came = {
                MOMENTS[0]: time.monotonic() > until,
                MOMENTS[1]: any(part for _, part, _ in new),
                MOMENTS[2]: any(part and readable for _, part, readable in new),
                MOMENTS[3]: any(not part for _, part, _ in new),
            }
            if came[moment]:
                return running(job)
            if time.monotonic() - checked > 0.05:
                checked = time.monotonic()
                if not running(job):
                    return False
            time.sleep(0.0005)

    def state(self, stage: str) -> set[tuple[int, bool, bool]]:
        """The files of a stage's outputs: number, whether it is a temporary one, whether all may read it."""
        names = (*{path.name for path in self.outputs[stage]}, *(["state_"] if stage == "pretrain" else []))
        found = set()
        for folder in {path.parent for path in self.outputs[stage]}:
            with suppress(OSError):  # not there yet, or just renamed
                for entry in os.scandir(self.study / folder):
                    if entry.name.removeprefix(".").startswith(names):
                        part, mode = entry.name.endswith(".part"), entry.stat().st_mode
                        found.add((entry.inode(), part, bool(mode & 0o004)))
        return found

    def compared(self) -> dict[str, list[str]]:
        """Files that differ from the undisturbed ones, that are missing, and that were left behind."""
        found = set(files_of(self.study))
        differ = [
            str(path)
            for path in sorted(self.files & found)
            if content(self.study / path) != content(self.reference / path)
        ]
        left = [str(path) for path in sorted(found - self.files)]
        for kind in ("locks", "incomplete"):
            left += [path.name for path in (self.folder / ".snakemake" / kind).glob("*")]
        return {"differ": differ, "missing": sorted(map(str, self.files - found)), "left": left}


def running(process: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


def files_of(folder: Path) -> list[Path]:
    """All files of a study but logs and benchmarks, as paths in its folder."""
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return [path for path in paths if path.parts[0] not in ("logs", "benchmarks")]


def content(path: Path) -> object:
    """What a file holds, but for times: its bytes, unless it tells some.

    Of history.csv that is the column with images a second and of what says where results come from (TIMES);
    of the page its time, and the hours and memory of each stage.
    """
    if path.name == "lock":  # the last process that trained
        return None
    if path.name == "history.csv":
        rows = csv.DictReader(io.StringIO(path.read_text()))
        return [{key: value for key, value in row.items() if key != "images_per_second"} for row in rows]
    if path.name in ("provenance.json", "finished.json"):
        return without_times(json.loads(path.read_text()))
    if path.name == "report.html":
        return TOLD.sub(b"", path.read_bytes())
    return path.read_bytes()


def without_times(value: object) -> object:
    """The same without TIMES, and without checksums of files that hold times."""
    if isinstance(value, dict):
        kept = {key: part for key, part in value.items() if key not in TIMES}
        return {key: without_times(part) for key, part in kept.items() if not key.endswith("history.csv")}
    return [without_times(part) for part in value] if isinstance(value, list) else value


def table(rounds: list[dict]) -> str:
    """The kills by stage as a table in Markdown, and what came of them."""
    kills = [kill for done in rounds for kill in done["kills"]]
    columns = [("whom", whom) for whom in WHOM] + [("signal", number.name) for number in SIGNALS]
    columns += [("moment", moment) for moment in MOMENTS]
    lines = [
        "| stage | kills | " + " | ".join(value for _, value in columns) + " |",
        "| --- " * (len(columns) + 2) + "|",
    ]
    for stage in [*OUTPUTS, "all"]:
        mine = [kill for kill in kills if stage in (kill["stage"], "all")]
        counts = [sum(kill[key] == value for kill in mine) for key, value in columns]
        lines.append(f"| {stage} | {len(mine)} | " + " | ".join(map(str, counts)) + " |")
    sums = {key: sum(len(done[key]) for done in rounds) for key in ("differ", "missing", "left")}
    said = ", ".join(f"{key} {count}" for key, count in sums.items())
    hung = sum(done["hung"] for done in rounds)
    return "\n".join([*lines, "", f"{len(kills)} kills in {len(rounds)} rounds; files: {said}; hung {hung}"])


def main() -> None:
    """Run the rounds that are still to be done, and print the table."""
    checkout, enough, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    if not (checkout / "Snakefile").exists():
        checkout.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
            copy(ROOT / part, checkout / part)
    (checkout / "killed.yaml").write_text(STUDY)
    record = checkout / f"kills_{seed}.jsonl"
    rounds = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
    work = Rounds(checkout, seed)
    work.undisturbed()
    while True:
        hits = Counter(kill["stage"] for done in rounds for kill in done["kills"])
        if hits.total() >= enough and min(hits[stage] for stage in OUTPUTS) >= LEAST:
            break
        work.draws.seed(f"{seed} {len(rounds)}")
        rounds.append(work.round(len(rounds), hits))
        with record.open("a") as file:
            file.write(json.dumps(rounds[-1]) + "\n")
        print(
            f"round {len(rounds) - 1}: {json.dumps({k: v for k, v in rounds[-1].items() if k != 'kills'})}",
            flush=True,
        )
    print(table(rounds))


if __name__ == "__main__":
    main()
