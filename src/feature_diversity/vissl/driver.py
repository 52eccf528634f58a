"""Start VISSL's training engine: python -P driver.py CONFIGURATION.json, in VISSL's environment.

A script and not a module of the package: the processes that VISSL starts run it again before they load VISSL,
and need the alias below, too.
"""

import csv
import ctypes
import json
import os
import signal
import statistics
import sys
import time
from pathlib import Path

import torch
import torchvision.datasets.kinetics

# the name that VISSL's copy of ClassyVision imports; torchvision has dropped it
torchvision.datasets.kinetics.Kinetics400 = torchvision.datasets.kinetics.Kinetics

from classy_vision.generic.distributed_util import is_primary  # noqa: E402
from classy_vision.hooks.classy_hook import ClassyHook  # noqa: E402
from omegaconf import OmegaConf  # noqa: E402
from vissl import config as vissl_config  # noqa: E402
from vissl.hooks import default_hook_generator  # noqa: E402
from vissl.utils.distributed_launcher import launch_distributed  # noqa: E402
from vissl.utils.hydra_config import convert_to_attrdict  # noqa: E402

KEPT = 2  # the newest checkpoint, and the one before it in case the newest is damaged


class Untrained(ClassyHook):
    """Writes the network before the first epoch, if it is wanted, and ends there if nothing else is."""

    on_phase_start = on_step = on_phase_end = on_end = ClassyHook._noop

    def on_start(self, task) -> None:
        """Write the untrained network where it is wanted and VISSL does not go on from a checkpoint."""
        wanted = task.config["SNAPSHOTS"]
        if 0 in wanted and task.train_phase_idx < 0 and is_primary():
            path = Path(task.checkpoint_folder) / "untrained.pt"
            part = path.with_suffix(".part")
            torch.save({"classy_state_dict": {"base_model": task.base_model.get_classy_state()}}, part)
            os.replace(part, path)
        if max(wanted) == 0:
            sys.exit()


class History(ClassyHook):
    """Writes a row an epoch: mean loss, last learning rate, images a second; columns as in base.history."""

    on_start = on_end = ClassyHook._noop

    def on_phase_start(self, task) -> None:
        """Note when the epoch began."""
        self.started, self.losses = time.perf_counter(), []

    def on_step(self, task) -> None:
        """Note the loss of the step."""
        self.losses.append(task.last_batch.loss.item())

    def on_phase_end(self, task) -> None:
        """Write the epoch's row in the place of an earlier one of its number."""
        if not is_primary():
            return
        path = Path(task.checkpoint_folder) / "history.csv"
        epoch = task.train_phase_idx + 1
        rows = []
        if path.exists():
            with open(path, encoding="utf-8", newline="") as file:
                rows = [row for row in csv.DictReader(file) if int(row["epoch"]) < epoch]
        images = len(self.losses) * task.get_global_batchsize()
        rows.append(
            {
                "epoch": epoch,
                "loss": statistics.fmean(self.losses),
                "learning_rate": task.optimizer.options_view.lr,
                "images_per_second": round(images / (time.perf_counter() - self.started), 1),
            }
        )
        part = path.with_suffix(".part")
        with open(part, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[-1]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        os.replace(part, path)


class Tidy(ClassyHook):
    """Removes the checkpoints that are neither wanted nor needed to go on."""

    on_start = on_phase_start = on_step = on_end = ClassyHook._noop

    def on_phase_end(self, task) -> None:
        """Remove them after an epoch."""
        if is_primary():
            wanted = {f"model_phase{epoch - 1}.torch" for epoch in task.config["SNAPSHOTS"]}
            for path in checkpoints(Path(task.checkpoint_folder))[KEPT:]:
                if path.name not in wanted:
                    path.unlink()


def hooks(config) -> list[ClassyHook]:
    """VISSL's hooks, with the row of the history before its checkpoint and the tidying after it."""
    return [Untrained(), History(), *default_hook_generator(config), Tidy()]


def checkpoints(folder: Path) -> list[Path]:
    """VISSL's checkpoints of epochs, newest first."""
    found = folder.glob("model_*phase*.torch")
    return sorted(found, key=lambda path: int(path.stem.split("phase")[1]), reverse=True)


def remove_damaged(folder: Path) -> None:
    """Remove the newest checkpoints as far as they were cut off while VISSL wrote them."""
    (folder / "checkpoint.torch").unlink(missing_ok=True)  # a link to one of them
    for path in checkpoints(folder):
        try:
            torch.load(path, map_location="cpu", weights_only=True)
            return
        except Exception:  # a damaged pickle can end in nearly any error
            print(f"warning: {path} is damaged; trying the one before it", file=sys.stderr)
            path.unlink()


def main(path: str) -> None:
    """Train to the end, from VISSL's newest checkpoint if there is one."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: end with the stage that started this
    defaults = OmegaConf.load(Path(vissl_config.__file__).with_name("defaults.yaml"))
    ours = {"config": json.loads(Path(path).read_text(encoding="utf-8"))}
    _, config = convert_to_attrdict(OmegaConf.merge(defaults, OmegaConf.create(ours)))
    remove_damaged(Path(config.CHECKPOINT.DIR))
    launch_distributed(cfg=config, node_id=0, engine_name="train", hook_generator=hooks)


if __name__ == "__main__":
    main(sys.argv[1])
