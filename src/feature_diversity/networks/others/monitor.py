"""Diversity while a network is trained: in a plain loop, or as a callback of Lightning."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd
from torch import nn

from feature_diversity.base.errors import InputError
from feature_diversity.networks.others.measure import measure


class DiversityMonitor:
    """Measures a network on the same images every few epochs, keeps the table and tells a logger.

    The network's modes, hooks and gradients and the random state stay as they were, so that a training with
    a monitor has the bits of one without. In a plain loop:

        monitor = DiversityMonitor(images, layers=["layer4", "fc"], logger=writer)
        for epoch in range(epochs):
            ...
            monitor(model, epoch)
        monitor.table

    Lightning takes it as a callback, `Trainer(callbacks=[monitor])`: it measures when an epoch of training
    ends, on rank 0, and tells the trainer's loggers where it has none of its own.

    The first measurement raises what is wrong and warns of what `measure` warns of. Later, a network that can
    no longer be measured (a layer that has become constant or not finite) is a warning: a training is worth
    more than its monitor.

    Args:
        images: as `measure`; anything that can be read more than once.
        layers: as `measure`.
        every: epochs between measurements; epochs 0, every, 2 every ... are measured.
        measures: names in the table's column `measure` that the logger is told.
        logger: what has `log_metrics(values, step)` (Lightning's loggers), `add_scalar(name, value, step)`
            (TensorBoard) or `log(values, step=step)` (Weights & Biases), or a function of values and step.
        readings: as `measure`.
        options: further ones of `measure`, by name.

    Attributes:
        table: all that was measured, the columns of `measure` after `epoch`.

    Raises:
        InputError: images that can be read once only; every < 1; a logger that is none.
    """

    def __init__(
        self,
        images: Any,
        layers: str | Sequence[str] = "auto",
        every: int = 1,
        *,
        measures: Sequence[str] = ("diversity",),
        logger: Any = None,
        readings: Sequence[str] = ("gap",),
        **options: Any,
    ):
        if isinstance(images, Iterator):
            raise InputError(
                f"images is {type(images).__name__}, which can be read once, expected a tensor, a "
                "DataLoader, a dataset or a folder"
            )
        if every < 1:
            raise InputError(f"every is {every}, expected 1 or more epochs")
        self.images, self.layers, self.every, self.measures = images, layers, every, tuple(measures)
        self.options = {"readings": readings, **options}
        self.tell = None if logger is None else _teller(logger)
        self.table = pd.DataFrame()

    def __call__(self, model: nn.Module, epoch: int) -> pd.DataFrame | None:
        """Measure the network after an epoch (numbered from 0), if it is one of those to be measured.

        Returns:
            The table of this epoch; None where it was not measured.

        Raises:
            InputError: as `measure`, at the first measurement.
        """
        table = self._measured(model, epoch)
        if table is not None and self.tell:
            self.tell(self._values(table), epoch)
        return table

    def on_train_epoch_end(self, trainer: Any, pl_module: nn.Module) -> None:
        """Lightning's hook. Its loggers count steps of training, as in all that Lightning tells them."""
        if not trainer.is_global_zero:
            return
        if self.tell:
            self(pl_module, trainer.current_epoch)
        elif (table := self._measured(pl_module, trainer.current_epoch)) is not None:
            values = {"epoch": trainer.current_epoch} | self._values(table)
            for logger in trainer.loggers:
                _teller(logger)(values, trainer.global_step)

    def __getattr__(self, name: str) -> Any:
        """Lightning's other hooks, which it calls on every callback: they do nothing."""
        if name in ("setup", "teardown") or name.startswith("on_"):
            return _nothing
        raise AttributeError(f"DiversityMonitor has no attribute {name!r}")

    @property
    def state_key(self) -> str:
        """The name under which Lightning saves the monitor's state."""
        return type(self).__qualname__

    def state_dict(self) -> dict[str, Any]:
        """The table, as plain lists, for a checkpoint."""
        return self.table.to_dict(orient="list")

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with a saved table."""
        self.table = pd.DataFrame(state)

    def _measured(self, model: nn.Module, epoch: int) -> pd.DataFrame | None:
        if epoch % self.every:
            return None
        try:
            with warnings.catch_warnings():
                if not self.table.empty:
                    warnings.simplefilter("ignore", UserWarning)  # said at the first measurement
                table = measure(model, self.images, self.layers, **self.options)
        except InputError as error:
            if self.table.empty:
                raise
            warnings.warn(f"epoch {epoch} is not measured: {error}", stacklevel=3)
            return None
        table.insert(0, "epoch", epoch)
        self.table = pd.concat([self.table, table], ignore_index=True)
        return table

    def _values(self, table: pd.DataFrame) -> dict[str, float]:
        """What loggers are told: values by measure/layer/reading."""
        chosen = table[table.measure.isin(self.measures)]
        names = chosen.measure + "/" + chosen.layer + "/" + chosen.reading
        return dict(zip(names, chosen.value, strict=True))


def _teller(logger: Any) -> Callable[[dict[str, float], int], Any]:
    """A function of values and step that tells a logger of any kind."""
    if hasattr(logger, "log_metrics"):
        return lambda values, step: logger.log_metrics(values, step=step)
    if hasattr(logger, "add_scalar"):
        return lambda values, step: [logger.add_scalar(name, value, step) for name, value in values.items()]
    if hasattr(logger, "log") and not hasattr(logger, "isEnabledFor"):  # logging.Logger's is another `log`
        return lambda values, step: logger.log(values, step=step)
    if callable(logger):
        return logger
    expected = "a function or an object with log_metrics, add_scalar or log"
    raise InputError(f"logger is {type(logger).__name__}, expected {expected}")


def _nothing(*arguments: Any, **named: Any) -> None:
    """A hook that does nothing."""
