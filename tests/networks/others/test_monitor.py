"""A monitor measures and tells; the training goes on with the bits that it would have had without."""

import random
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from feature_diversity import DiversityMonitor, measure
from feature_diversity.base.errors import InputError


def small_network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))


@pytest.fixture
def rows():
    return torch.randn(30, 4, generator=torch.Generator().manual_seed(1))


def trained(rows, monitor, epochs=4):
    """The weights after a training that draws from every global generator."""
    model = small_network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = DataLoader(TensorDataset(rows), 10, shuffle=True)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  the global generator, which is to be kept
    for epoch in range(epochs):
        model.train()
        for (batch,) in loader:
            optimizer.zero_grad()
            noise = random.random() + np.random.rand()  # noqa: NPY002
            (model(batch + noise) ** 2).mean().backward()
            optimizer.step()
        if monitor:
            monitor(model, epoch)
    return model.state_dict()


class Drawing(torch.utils.data.Dataset):
    """Images that draw from every global generator when they are read."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, row):
        scale = random.random() * float(np.random.rand())  # noqa: NPY002
        return self.rows[row] + torch.rand(4) * scale


def test_a_training_with_a_monitor_has_the_bits_of_one_without(rows):
    monitor = DiversityMonitor(Drawing(rows), layers=["0", "2", "4"])
    with_monitor, without = trained(rows, monitor), trained(rows, None)
    assert all(torch.equal(with_monitor[key], value) for key, value in without.items())
    assert sorted(set(monitor.table.epoch)) == [0, 1, 2, 3]


def test_every_other_epoch_is_measured_as_measure_does(rows):
    monitor = DiversityMonitor(rows, layers=["2", "4"], every=2)
    model = small_network()
    found = monitor(model, 0)
    assert monitor(model, 1) is None
    monitor(model, 2)
    expected = measure(model, rows, ["2", "4"], readings=["gap"])
    pd.testing.assert_frame_equal(found.drop(columns="epoch"), expected)
    assert list(monitor.table.epoch.unique()) == [0, 2]
    assert len(monitor.table) == 2 * len(expected)


class LightningLogger:
    def __init__(self):
        self.told = []

    def log_metrics(self, metrics, step=None):
        self.told += [(name, value, step) for name, value in metrics.items()]


class SummaryWriter:
    def __init__(self):
        self.told = []

    def add_scalar(self, tag, scalar_value, global_step=None):
        self.told.append((tag, scalar_value, global_step))


class WandbRun:
    def __init__(self):
        self.told = []

    def log(self, data, step=None):
        self.told += [(name, value, step) for name, value in data.items()]


@pytest.mark.parametrize("kind", [LightningLogger, SummaryWriter, WandbRun])
def test_any_logger_is_told(rows, kind):
    logger = kind()
    monitor = DiversityMonitor(rows, ["2"], logger=logger, measures=["diversity", "rankme"])
    table = monitor(small_network(), 3).set_index("measure").value
    expected = [("diversity/2/gap", table["diversity"], 3), ("rankme/2/gap", table["rankme"], 3)]
    assert logger.told == expected


def test_a_function_is_told(rows):
    told = []
    DiversityMonitor(rows, ["2"], logger=lambda values, step: told.append((values, step)))(small_network(), 0)
    ((values, step),) = told
    assert list(values) == ["diversity/2/gap"]
    assert step == 0


def test_a_network_that_cannot_be_measured_is_an_error_first_and_later_a_warning(rows):
    monitor = DiversityMonitor(rows, ["4"])
    model = small_network()
    broken = small_network()
    nn.init.constant_(broken[4].weight, torch.nan)
    with pytest.raises(InputError, match="layer 4: image 0 is not finite"):
        monitor(broken, 0)
    monitor(model, 1)
    with pytest.warns(UserWarning, match="epoch 2 is not measured: layer 4: image 0 is not finite"):
        assert monitor(broken, 2) is None
    assert broken.training
    monitor(model, 3)
    assert list(monitor.table.epoch.unique()) == [1, 3]


def test_a_saved_state_goes_on(rows, tmp_path):
    monitor, model = DiversityMonitor(rows, ["2"]), small_network()
    monitor(model, 0)
    torch.save(monitor.state_dict(), tmp_path / "state.pt")
    resumed = DiversityMonitor(rows, ["2"])
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    pd.testing.assert_frame_equal(resumed.table, monitor.table)
    resumed(model, 1)
    assert list(resumed.table.epoch.unique()) == [0, 1]


def test_bad_input_is_one_message(rows):
    with pytest.raises(InputError, match="images is list_iterator, which can be read once"):
        DiversityMonitor(iter([rows]))
    with pytest.raises(InputError, match="every is 0"):
        DiversityMonitor(rows, every=0)
    with pytest.raises(InputError, match="logger is int, expected a function or an object with log_metrics"):
        DiversityMonitor(rows, logger=3)
    with pytest.raises(AttributeError, match="DiversityMonitor has no attribute 'tabel'"):
        _ = DiversityMonitor(rows).tabel


def test_lightning_takes_it_as_a_callback(rows, tmp_path):
    lightning = pytest.importorskip("lightning.pytorch")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.network = small_network()

        def forward(self, x):
            return self.network(x)

        def training_step(self, batch, index):
            return (self(batch[0]) ** 2).mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    monitor = DiversityMonitor(rows, ["network.2"], every=2)
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger = lightning.loggers.CSVLogger(tmp_path)
        trainer = lightning.Trainer(
            max_epochs=3, callbacks=[monitor], logger=logger, default_root_dir=tmp_path, **quiet
        )
        trainer.fit(Module(), DataLoader(TensorDataset(rows), 10))
    told = pd.read_csv(f"{logger.log_dir}/metrics.csv")
    found = monitor.table[monitor.table.measure == "diversity"]
    assert list(found.epoch) == list(told.epoch) == [0, 2]
    assert list(told.step) == [3, 9]  # batches, as in all that Lightning logs
    np.testing.assert_allclose(told["diversity/network.2/gap"], found.value, rtol=1e-12)
    (saved,) = tmp_path.rglob("*.ckpt")
    states = torch.load(saved, weights_only=True)["callbacks"]
    assert len(states["DiversityMonitor"]["epoch"]) == len(monitor.table)
