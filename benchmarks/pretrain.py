"""Images a second of SimCLR: ours, bare compute, and peers, side by side in one run.

    python benchmarks/pretrain.py --peer lightly=PYTHON

Every contestant is a process pinned to as many cores as it has threads; they take turns, a few steps
each, and ratios are medians over the turns. Bare compute is forward, backward and optimiser of the same
network on one fixed batch of views. A peer runs in the Python given for it, as its documentation says,
with the same network (of PyTorch's own layers), batch, images and threads. `--device cuda` runs ours and
bare compute on a GPU in bfloat16. `--variants` adds ours and bare compute compiled by torch.compile, or in
bfloat16 on a CPU. `--memory` measures growth over 1,000 steps.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
from torch import nn

FOLDER = Path(__file__).parent
NETWORKS = {"demo": 128, "rn18": 128, "rn18_cifar": 64, "rn50": 64}  # name -> batch
IMAGES = 1000
STEPS = {"demo": 8, "rn18": 3, "rn18_cifar": 2, "rn50": 2}  # a turn
SETTLE = 1.0  # seconds between turns, in which the workers of the one before fill what they load ahead


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument(
        "--peer", action="append", default=[], help="NAME=PYTHON, a script of benchmarks/peers"
    )
    parser.add_argument("--variants", nargs="+", default=[], choices=["compiled", "bfloat16"])
    parser.add_argument("--memory", action="store_true", help="only the growth of memory over 1,000 steps")
    parser.add_argument("--contestant", nargs=3, help=argparse.SUPPRESS)  # name, network, threads
    arguments = parser.parse_args()
    if arguments.contestant:
        name, network, threads = arguments.contestant
        serve(contestant(name, network, int(threads), arguments.device))
        return
    if arguments.memory:
        measure_memory()
        return
    print(f"{'network':<12} {'threads':>7} {'contestant':<14} {'images/s':>9} {'ours is':>8}")
    for network in arguments.networks:
        for threads in arguments.threads:
            compare(network, threads, arguments)


def compare(network: str, threads: int, arguments: argparse.Namespace) -> None:
    """Let all contestants take turns, and print their medians."""
    variants = [f"{name}_{variant}" for variant in arguments.variants for name in ("ours", "bare")]
    ours = ["ours", "bare", *variants]
    here = [sys.executable, __file__, "--device", arguments.device, "--contestant"]
    commands = {name: [*here, name, network, str(threads)] for name in ours}
    for peer in arguments.peer:
        name, _, python = peer.partition("=")
        commands[name] = [python, str(FOLDER / "peers" / f"{name}.py"), network, str(threads)]
    running = {name: Worker(command, threads) for name, command in commands.items()}
    for name in [name for name, worker in running.items() if not worker.ready()]:
        print(f"{network:<12} {threads:>7} {name:<14} not installed or failed; skipped")
        del running[name]
    speeds: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(arguments.rounds):
        for name, worker in running.items():
            time.sleep(SETTLE)
            speeds[name].append(NETWORKS[network] * STEPS[network] / worker.turn(STEPS[network]))
    for name, values in speeds.items():
        ratio = statistics.median(a / b for a, b in zip(speeds["ours"], values, strict=True))
        print(
            f"{network:<12} {threads:>7} {name:<14} {statistics.median(values):>9.0f} {ratio:>7.2f}x",
            flush=True,
        )
    for worker in running.values():
        worker.process.kill()


class Worker:
    """A contestant in a process: told a number of steps, it answers how many seconds they took."""

    def __init__(self, command: list[str], threads: int):
        cores = sorted(os.sched_getaffinity(0))[:threads]
        source = str(FOLDER.parent / "src")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": source, "OMP_NUM_THREADS": str(threads)},
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )

    def ready(self) -> bool:
        """Whether it could be set up; waits until it is."""
        return self.process.stdout.readline().strip() == "ready"

    def turn(self, steps: int) -> float:
        """Seconds that so many steps took."""
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def serve(step: Callable[[], None]) -> None:
    """The contestant's side of `Worker`."""
    for _ in range(3):
        step()
    print("ready", flush=True)
    for line in sys.stdin:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(int(line)):
            step()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        print(time.perf_counter() - began, flush=True)


def endless(loader: Iterable) -> Iterator:
    """A peer's batches, epoch after epoch."""
    while True:
        yield from loader


def build_trunk(network: str) -> tuple[nn.Module, int]:
    """A trunk of PyTorch's own layers, and its number of features."""
    if network == "demo":
        from feature_diversity.networks.resnet import resnet

        trunk = resnet(14, 0.25)
        for module in trunk.modules():  # what this package overrides becomes PyTorch's own again
            if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
                module.__class__ = nn.Conv2d if isinstance(module, nn.Conv2d) else nn.BatchNorm2d
        return trunk, trunk.out_channels
    import torchvision

    trunk = torchvision.models.resnet50() if network == "rn50" else torchvision.models.resnet18()
    features = trunk.fc.in_features
    trunk.fc = nn.Identity()
    if network == "rn18_cifar":
        trunk.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        trunk.maxpool = nn.Identity()
    return trunk, features


def contestant(name: str, network: str, threads: int, device: str) -> Callable[[], None]:
    """One step of ours or of bare compute."""
    from feature_diversity.algorithms import simclr
    from feature_diversity.base.run import Network
    from feature_diversity.compute.draws import generator
    from feature_diversity.compute.machine import Machine, prepare
    from feature_diversity.data.store import Facts, Split
    from feature_diversity.networks import convolution
    from feature_diversity.planning.recipe import recipe
    from feature_diversity.training import step
    from feature_diversity.training.loop import batches_of
    from feature_diversity.training.monitor import PhaseClock
    from feature_diversity.training.optim import make_optimizer
    from feature_diversity.training.state import initialise

    batch_size = NETWORKS[network]
    prepare(torch.device(device), threads)
    low = device == "cuda" or name.endswith("bfloat16")
    machine = Machine(torch.device(device), "bfloat16" if low else "float32", name.endswith("compiled"))
    values = recipe("simclr", small_images=True, changes={"batch_size": batch_size})
    facts = Facts("random", [0.5] * 3, [0.25] * 3, 32, 32, [str(i) for i in range(10)])
    training = initialise(Network("simclr", 14, 0.25, "batchnorm", seed=1), values, facts, IMAGES, machine)
    if network != "demo":
        trunk, features = build_trunk(network)
        for module in trunk.modules():
            if type(module) is nn.Conv2d:
                module.__class__ = convolution.Conv2d
            if type(module) is nn.BatchNorm2d:
                module.__class__ = convolution.BatchNorm2d
        training.trunk = trunk.to(machine.device, memory_format=torch.channels_last)
        training.algorithm = simclr.SimCLR(values, channels=features, images=IMAGES, classes=10).to(device)
        if machine.compile:
            trunk.compile()
        parameters = [*trunk.parameters(), *training.algorithm.parameters()]
        training.optimizer = make_optimizer([{"params": parameters}], optimizer="sgd", momentum=0.9)
    split = Split(torch.randint(256, (IMAGES, 3, 32, 32), dtype=torch.uint8), torch.arange(IMAGES) % 10)
    split = split.to(machine.device)
    whole = IMAGES - IMAGES % batch_size
    order = torch.randperm(IMAGES)[:whole]
    batches = iter(())
    number = 0
    clock = PhaseClock(machine.device)

    def ours() -> None:
        nonlocal batches, number
        batch = next(batches, None)
        if batch is None:
            batches = batches_of(split, order, batch_size=batch_size, size=32, draw=(1, number))
            batch = next(batches)
        step.take_step(training, batch, 0.01, (1, 0, number), clock.ended)
        number += 1

    first = next(batches_of(split, order, batch_size=batch_size, size=32, draw=(1, 0)))
    x, targets = step.inputs(training, first, generator(1, "views"))

    def bare() -> None:
        loss = training.algorithm.loss(step.encode(training, x), targets, generator(1, "loss"))
        training.optimizer.zero_grad()
        loss.backward()
        training.optimizer.step()

    return ours if name.startswith("ours") else bare


def measure_memory() -> None:
    """Print the resident memory of a training of the demo's network from step 100 to step 1,100."""
    global NETWORKS
    NETWORKS = NETWORKS | {"demo": 16}
    step = contestant("ours", "demo", 1, "cpu")
    for number in range(1, 1101):
        step()
        if number % 250 == 100:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            print(
                f"after {number:>5} steps: {pages * os.sysconf('SC_PAGE_SIZE') / 2**20:.1f} MiB", flush=True
            )


if __name__ == "__main__":
    main()
