"""A network as a configuration of VISSL 0.1.6: the recipe's hyper-parameters under VISSL's names.

What a recipe says is said to VISSL in full, so that none of its defaults takes part. Two things differ from
VISSL's own configurations: the learning rate is given as it is after scaling (VISSL would drop the warm-up on
one machine), and incomplete batches are always left out, as in the native training.
"""

from typing import Any

from feature_diversity.base.errors import InputError
from feature_diversity.base.run import Network
from feature_diversity.networks.depths import OF_VISSL
from feature_diversity.vissl.methods import METHODS, Method, Recipe, Setting

NORMS = {"batchnorm": "BatchNorm", "layernorm": "LayerNorm"}
PIRL_GAP = 21  # pixels that VISSL leaves of each cell of PIRL's grid, whatever the sizes


def check(network: Network, recipe: Recipe) -> None:
    """InputError, naming the key, where VISSL cannot train this network."""
    name = network.algorithm
    if name not in METHODS:
        raise InputError(f"algorithm is {name!r}, expected with engine 'vissl' one of {', '.join(METHODS)}")
    if network.depth not in OF_VISSL:
        known = ", ".join(map(str, OF_VISSL))
        raise InputError(f"depth is {network.depth}, expected with engine 'vissl' one of {known}")
    if network.width < 1 or not network.width.is_integer():
        raise InputError(f"width is {network.width:g}, expected with engine 'vissl' a whole number")
    if name in ("jigsaw", "pirl"):
        cell = recipe["puzzle_size"] // recipe["grid"]
        gap = cell - recipe["patch_size"]
        if gap < 1 or (name == "pirl" and gap != PIRL_GAP):
            fits = f"puzzle_size // grid - {PIRL_GAP}" if name == "pirl" else "less than puzzle_size // grid"
            raise InputError(
                f"recipes: {name}: patch_size is {recipe['patch_size']}, expected {fits} with engine 'vissl' "
                f"(puzzle_size is {recipe['puzzle_size']}, grid {recipe['grid']})"
            )


def configuration(network: Network, recipe: Recipe, snapshots: list[int], setting: Setting) -> dict[str, Any]:
    """The block `config` of VISSL's configuration; what is not in it stays as VISSL has it.

    snapshots: numbers of epochs after which the network is wanted; the largest ends the training. They stand
    under the key SNAPSHOTS, which VISSL does not read.
    """
    method = METHODS[network.algorithm](recipe, setting)
    return {
        "SEED_VALUE": network.seed,
        "SNAPSHOTS": snapshots,
        "TEST_MODEL": False,
        "HOOKS": {"LOG_GPU_STATS": setting.gpu, "MEMORY_SUMMARY": {"PRINT_MEMORY_SUMMARY": setting.gpu}},
        "DATA": {
            "NUM_DATALOADER_WORKERS": setting.workers,
            "PIN_MEMORY": setting.gpu,
            "ENABLE_ASYNC_GPU_COPY": setting.gpu,
            "TRAIN": training_data(recipe, method, setting),
        },
        "METERS": {"name": ""},
        "MODEL": model(network, method, setting),
        "LOSS": {"name": method.loss, method.loss: method.loss_options},
        "OPTIMIZER": optimizer(recipe, max(snapshots)),
        "DISTRIBUTED": {
            "BACKEND": "nccl" if setting.gpu else "gloo",
            "NUM_NODES": 1,
            "NUM_PROC_PER_NODE": setting.processes,
            "INIT_METHOD": "tcp",
            "RUN_ID": "auto",
        },
        "MACHINE": {"DEVICE": "gpu" if setting.gpu else "cpu"},
        "CHECKPOINT": {"DIR": str(setting.folder), "AUTO_RESUME": True, "CHECKPOINT_FREQUENCY": 1},
    }


def training_data(recipe: Recipe, method: Method, setting: Setting) -> dict[str, Any]:
    """The images and what is done to them."""
    tensor = [{"name": "ToTensor"}, {"name": "Normalize", "mean": setting.mean, "std": setting.std}]
    return {
        "DATA_SOURCES": ["disk_filelist"],
        "DATASET_NAMES": ["images"],
        "DATA_PATHS": [str(setting.folder / "images.npy")],
        "LABEL_SOURCES": ["disk_filelist"] if method.labelled else [],
        "LABEL_PATHS": [str(setting.folder / "labels.npy")],
        "LABEL_TYPE": "standard" if method.labelled else "sample_index",
        "BATCHSIZE_PER_REPLICA": recipe["batch_size"] // setting.processes,
        "DROP_LAST": True,
        "TRANSFORMS": [*method.transforms, *tensor, *method.of_tensors],
        "COLLATE_FUNCTION": method.collator,
        "INPUT_KEY_NAMES": list(method.inputs),
    }


def model(network: Network, method: Method, setting: Setting) -> dict[str, Any]:
    """Trunk and heads. BatchNorm's statistics are those of the whole batch, however many share it."""
    several = [[name, ["flatten"]] for name in method.inputs] if len(method.inputs) > 1 else []
    trunk = {"DEPTH": network.depth, "WIDTH_MULTIPLIER": int(network.width), "NORM": NORMS[network.norm]}
    synchronised = setting.processes > 1 and network.norm == "batchnorm"
    return {
        "TRUNK": {"NAME": "resnet", "RESNETS": trunk},
        "HEAD": {"PARAMS": method.head},
        "MULTI_INPUT_HEAD_MAPPING": several,
        "SYNC_BN_CONFIG": {"CONVERT_BN_TO_SYNC_BN": synchronised, "SYNC_BN_TYPE": "pytorch", "GROUP_SIZE": 0},
        "AMP_PARAMS": {"USE_AMP": False},
    }


def optimizer(recipe: Recipe, epochs: int) -> dict[str, Any]:
    """SGD or LARC and its learning rate. For no epochs the configuration of one stands."""
    larc = recipe["optimizer"] == "larc"
    return {
        "name": "sgd_fsdp" if larc else "sgd",  # the LARC of "sgd" is apex's, that of "sgd_fsdp" VISSL's own
        "use_larc": larc,
        "larc_config": {"clip": False, "trust_coefficient": 0.001, "eps": 1e-8},
        "weight_decay": recipe["weight_decay"],
        "momentum": recipe["momentum"],
        "nesterov": recipe["nesterov"],
        "num_epochs": max(epochs, 1),
        "regularize_bn": recipe["decay_norm"],
        "regularize_bias": recipe["decay_bias"],
        "param_schedulers": {"lr": learning_rate(recipe, max(epochs, 1))},
    }


def learning_rate(recipe: Recipe, epochs: int) -> dict[str, Any]:
    """The learning rate over the run as VISSL's `composite` of schedules, each for a share of the run."""
    base, start, end = (
        recipe[name] * recipe["batch_size"] / 256 for name in ("learning_rate", "warmup_start", "end")
    )
    parts: list[tuple[float, str, dict[str, Any]]] = []  # until which share of the run, in what time, what
    if warmup := recipe["warmup_epochs"] / epochs:
        risen = start + (base - start) * min(1 / warmup, 1)
        rise = {"name": "linear", "start_value": start, "end_value": risen}
        parts.append((min(warmup, 1.0), "rescaled", rise))
    if recipe["schedule"] == "cosine":
        parts.append((1.0, "fixed", {"name": "cosine", "start_value": base, "end_value": end}))
    else:
        steps = sorted(recipe["milestones"]) if recipe["schedule"] == "multistep" else []
        for number, until in enumerate([*steps, 1.0]):
            parts.append((until, "fixed", {"name": "constant", "value": base * recipe["factor"] ** number}))
    lengths, schedulers, scaling, done = [], [], [], 0.0
    for until, scale, scheduler in parts:
        if until > done:
            lengths.append(until - done)
            schedulers.append(scheduler)
            scaling.append(scale)
            done = until
    return {
        "name": "composite",
        "auto_lr_scaling": {"auto_scale": False},
        "schedulers": schedulers,
        "lengths": lengths,
        "interval_scaling": scaling,
        "update_interval": recipe["rate_update"],
    }
