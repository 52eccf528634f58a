"""The random state of Python, NumPy and PyTorch, put back after what may draw from it."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Put the global generators back, also after an error, so that a training goes on with the same bits.

    A DataLoader draws a seed when it is read, a data set may draw, and so may a network.
    """
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices):
        python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  what others draw from
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
