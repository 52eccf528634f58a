"""What one sees of a training: a progress bar, a line an epoch, TensorBoard, and where the time went."""

import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feature_diversity.base.errors import InputError
from feature_diversity.base.timing import bar
from feature_diversity.compute.ranks import rank, say

COLLAPSED = 0.99  # a mean cosine above which a head tells images hardly apart
PHASES = ("data", "forward", "backward", "optimiser", "other")


class PhaseClock:
    """Seconds spent in each of `PHASES`. On a GPU its own events are timed, so that nothing waits for it."""

    def __init__(self, device: torch.device):
        self.on_gpu = device.type == "cuda"
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self.moments = [("other", self._now())]

    def ended(self, phase: str) -> None:
        """The time since the call before belongs to this phase."""
        self.moments.append((phase, self._now()))

    def read(self) -> dict[str, float]:
        """Seconds until the last call of `ended`. Waits for the device."""
        for (_, start), (phase, end) in zip(self.moments, self.moments[1:], strict=False):
            if self.on_gpu:
                end.synchronize()
            self.seconds[phase] += start.elapsed_time(end) / 1000 if self.on_gpu else end - start
        del self.moments[:-1]
        return self.seconds

    def _now(self):
        if not self.on_gpu:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event


class Collapse:
    """Watches how alike a head's outputs are. The device is read once an epoch; nothing is changed."""

    def __init__(self, head: nn.Module):
        self.cosine: Tensor | None = None  # of the present step
        self.cosines: list[Tensor] = []  # of the steps since `tell` was last called
        self.told = False
        head.register_forward_hook(self._look)

    def step(self) -> None:
        """A step is done."""
        if self.cosine is not None:
            self.cosines.append(self.cosine)

    def tell(self, epoch: int, step: int) -> None:
        """Say once that all steps of an epoch were collapsed, the first epoch's, of a new head, left out.

        Args:
            epoch: number of the one that is done, from 1 on.
            step: number of its last step in the whole training.
        """
        cosines = torch.stack(self.cosines).tolist() if self.cosines else [0.0]
        self.cosines = []
        if not self.told and epoch > 1 and min(cosines) > COLLAPSED:
            self.told = True
            say(
                f"warning: collapse: from step {step - len(cosines) + 1} on, the head's outputs of different "
                f"images have a mean cosine above {COLLAPSED} ({cosines[-1]:.4f} in step {step})"
            )

    def _look(self, head: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        if torch.is_grad_enabled() and len(output) > 1:
            self.cosine = mean_cosine(output.detach())


def mean_cosine(x: Tensor) -> Tensor:
    """Compute the mean cosine of two different rows of x, N x D, N above 1: a scalar."""
    total = F.normalize(x.float(), dim=1).sum(dim=0).square().sum()
    return (total - len(x)) / (len(x) * (len(x) - 1))


class Monitor:
    """Tells standard error, and TensorBoard if a folder is given, how a training goes.

    Of several ranks, the first speaks. head: of the algorithm, watched for collapse. images, done: of the
    whole training, and before this process. batch_size: images a step of all ranks.
    Raises InputError where TensorBoard is asked for and not installed.
    """

    def __init__(
        self,
        device: torch.device,
        head: nn.Module,
        *,
        images: int,
        done: int,
        batch_size: int,
        tensorboard: Path | None,
    ):
        self.collapse = Collapse(head)
        self.clock = PhaseClock(device)
        self.ended = self.clock.ended
        self.batch_size = batch_size
        self.steps = done // batch_size
        self.images = 0
        self.writer = summary_writer(tensorboard, self.steps) if tensorboard and rank() == 0 else None
        self.bar = bar(total=images, initial=done, unit=" images", unit_scale=True, hidden=rank() != 0)

    def step(self) -> None:
        """A step is done."""
        self.images += self.batch_size
        self.collapse.step()
        self.bar.update(self.batch_size)

    def epoch(self, row: dict[str, float], epochs: int, losses: list[float]) -> None:
        """An epoch is done. row: its row of the history. losses: of its steps."""
        text = f"epoch {row['epoch']}/{epochs}: loss {row['loss']:.4f}"
        self.bar.set_description_str(text)
        if self.bar.disable:
            say(f"{text}, {row['images_per_second']:,.0f} images/s")
        self.collapse.tell(row["epoch"], row["epoch"] * len(losses))
        self.clock.read()
        if self.writer:
            last = row["epoch"] * len(losses)
            for step, loss in enumerate(losses, start=last - len(losses) + 1):
                self.writer.add_scalar("loss", loss, step)
            for name in ("learning_rate", "images_per_second"):
                self.writer.add_scalar(name, row[name], last)
            self.writer.flush()

    def close(self) -> None:
        """Say how fast this process was and what its time went into."""
        self.bar.close()
        self.clock.ended("other")
        seconds = self.clock.read()
        total = sum(seconds.values())
        if self.images:
            shares = ", ".join(f"{phase} {100 * spent / total:.1f} %" for phase, spent in seconds.items())
            say(f"{self.images:,} images in {total:.1f} s: {self.images / total:,.0f} images/s; {shares}")
        if self.writer:
            self.writer.close()


def summary_writer(folder: Path, steps: int):
    """TensorBoard's writer; what a process that was cut off wrote after `steps` is hidden."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InputError(f"--tensorboard {folder}: the package tensorboard is not installed") from None
    return SummaryWriter(folder, purge_step=steps + 1)
