"""Speed and memory of the extraction beside a bare forward pass of the same network, in one run.

    python benchmarks/extract.py [--images 500] [--size 224] [--threads 2] [--folder DIR]

A random ResNet-50 with SimCLR's head and random images. The extraction records all layers of every image,
which is what all readings are computed from, and passes two augmented views of each through the network
for the alignment: three passes an image. The bare pass takes the same batches, normalised, through the trunk
alone, as it was trained, and keeps nothing; both have their weights channels last. The folded bare pass takes
them through the very trunk of the extraction, whose norms are part of its convolutions. They take turns.
Memory is the peak of a process of its own.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from feature_diversity.algorithms import build
from feature_diversity.data import store
from feature_diversity.evaluation import features as extract
from feature_diversity.networks import model
from feature_diversity.networks.resnet import fold_norms, resnet
from feature_diversity.planning.recipe import recipe

LAYERS = ["conv1", "res2", "res3", "res4", "res5", "trunk", "head"]
FACTS = store.Facts("random", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], 224, 256, [])
PASSES = 3  # of an image: itself and two views
TURNS = 3


def network(fold: bool) -> model.Model:
    """A random network on the device, in eval mode; fold: as the stage reads it."""
    torch.manual_seed(0)
    trunk = resnet(50)
    head = build("simclr", recipe("simclr"), trunk.out_channels, 4096, 1000).head
    trunk.eval().to(model.device(), memory_format=torch.channels_last)
    if fold:
        fold_norms(trunk)
    return model.Model(trunk, head.eval().to(model.device()), {})


@torch.no_grad()
def bare(net: model.Model, images: torch.Tensor) -> None:
    """Forward passes of all batches."""
    for _, batch in extract.batches(images):
        net.trunk(store.normalise(batch, FACTS)).cpu()


def record(net: model.Model, images: torch.Tensor, folder: Path) -> None:
    """What the stage does for one network."""
    extract.extract(net, images, FACTS, LAYERS, folder)


def seconds(work, *arguments) -> float:
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def peak_memory() -> float:
    """Largest resident set of this process so far, in MB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where features are written; needs 9.5 MB an image")
    parser.add_argument("--memory", choices=["bare", "record"], help="only say the peak memory of this one")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    generator = torch.Generator().manual_seed(0)
    shape = (arguments.images, 3, arguments.size, arguments.size)
    images = torch.randint(256, shape, dtype=torch.uint8, generator=generator)
    plain, folded = network(fold=False), network(fold=True)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        if arguments.memory:
            bare(plain, images) if arguments.memory == "bare" else record(folded, images, Path(folder))
            print(peak_memory())
            return
        for net in (plain, folded):
            bare(net, images[:8])  # warm up
        times = {"bare": [], "folded": [], "record": []}
        for part in images.chunk(TURNS):  # the file system's cache is as full for each
            times["bare"].append(seconds(bare, plain, part))
            times["folded"].append(seconds(bare, folded, part))
            times["record"].append(seconds(record, folded, part, Path(folder)))
    speeds = {name: arguments.images / sum(values) for name, values in times.items()}
    speeds["record"] *= PASSES
    peaks = {name: memory(name, arguments) for name in ("bare", "record")}
    print(f"bare forward   {speeds['bare']:8.1f} images/s, peak {peaks['bare']:6.0f} MB")
    print(f"folded forward {speeds['folded']:8.1f} images/s")
    print(f"extraction     {speeds['record']:8.1f} images/s, peak {peaks['record']:6.0f} MB")
    more = peaks["record"] - peaks["bare"]
    ratios = [speeds["record"] / speeds[name] for name in ("bare", "folded")]
    print(f"extraction / bare {ratios[0]:.2f}, extraction / folded {ratios[1]:.2f}, {more:.0f} MB more")


def memory(name: str, arguments: argparse.Namespace) -> float:
    """Peak memory, MB, in a process of its own; a fifth of the images are enough to reach it."""
    options = {"--images": arguments.images // 5, "--size": arguments.size, "--threads": arguments.threads}
    options |= {"--memory": name} | ({"--folder": arguments.folder} if arguments.folder else {})
    command = [sys.executable, __file__, *(str(word) for pair in options.items() for word in pair)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    main()
