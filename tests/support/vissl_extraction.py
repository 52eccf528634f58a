"""Features by VISSL's own extraction engine, for comparison, from its own checkpoint; in its environment:

python -O vissl_extraction.py SIZE [TRAIN_CONFIG.yaml CHECKPOINT IMAGES.npy FOLDER]...

SIZE: of the images, in pixels. IMAGES.npy: paths. The engine writes rank0_chunk0_test_{layer}_features.npy to
the FOLDER of each training. It is meant for a GPU: -O skips its assertion of one, and without one `.cuda()`
does nothing here.
"""

import sys
from pathlib import Path

import torch
import torchvision.datasets.kinetics
import yaml

torchvision.datasets.kinetics.Kinetics400 = torchvision.datasets.kinetics.Kinetics

import vissl.config  # noqa: E402
from omegaconf import OmegaConf  # noqa: E402
from vissl.hooks import default_hook_generator  # noqa: E402
from vissl.utils.distributed_launcher import launch_distributed  # noqa: E402
from vissl.utils.hydra_config import convert_to_attrdict  # noqa: E402

LAYERS = ["conv1", "res2", "res3", "res4", "res5", "flatten"]


def extract(trained: dict, checkpoint: str, images: str, size: int, folder: str, settings: dict) -> None:
    """Run VISSL's extraction with those FEATURE_EVAL_SETTINGS."""
    normalize = next(step for step in trained["DATA"]["TRAIN"]["TRANSFORMS"] if step["name"] == "Normalize")
    transforms = [
        {"name": "Resize", "size": round(size * 256 / 224)},
        {"name": "CenterCrop", "size": size},
        {"name": "ToTensor"},
        {key: normalize[key] for key in ("name", "mean", "std")},
    ]
    config = {
        "TEST_ONLY": True,
        "DATA": {
            "NUM_DATALOADER_WORKERS": 0,
            "TEST": {
                "DATA_SOURCES": ["disk_filelist"],
                "DATASET_NAMES": ["images"],
                "DATA_PATHS": [images],
                "LABEL_PATHS": [images],
                "BATCHSIZE_PER_REPLICA": 8,
                "TRANSFORMS": transforms,
            },
        },
        "MODEL": {
            "TRUNK": trained["MODEL"]["TRUNK"],
            "HEAD": trained["MODEL"]["HEAD"],
            "FEATURE_EVAL_SETTINGS": {"EVAL_MODE_ON": True, **settings},
            "WEIGHTS_INIT": {"PARAMS_FILE": checkpoint},
        },
        "OPTIMIZER": {"num_epochs": 1},
        "DISTRIBUTED": {"BACKEND": "gloo", "NUM_PROC_PER_NODE": 1},
        "MACHINE": {"DEVICE": "cpu"},
        "CHECKPOINT": {"DIR": folder},
        "HOOKS": {"LOG_GPU_STATS": False},
    }
    defaults = OmegaConf.load(Path(vissl.config.__file__).with_name("defaults.yaml"))
    _, config = convert_to_attrdict(OmegaConf.merge(defaults, {"config": config}))
    launch_distributed(
        cfg=config, node_id=0, engine_name="extract_features", hook_generator=default_hook_generator
    )


def main(size: str, *trainings: str) -> None:
    if not torch.cuda.is_available():
        torch.Tensor.cuda = lambda self, *arguments, **options: self
    identity = [[layer, ["Identity", []]] for layer in LAYERS]
    trunk = {"FREEZE_TRUNK_ONLY": True, "EXTRACT_TRUNK_FEATURES_ONLY": True, "SHOULD_FLATTEN_FEATS": False}
    whole = {"FREEZE_TRUNK_AND_HEAD": True, "EVAL_TRUNK_AND_HEAD": True}
    for place in range(0, len(trainings), 4):
        train_config, checkpoint, images, folder = trainings[place : place + 4]
        trained = yaml.safe_load(Path(train_config).read_text())
        for settings in (trunk | {"LINEAR_EVAL_FEAT_POOL_OPS_MAP": identity}, whole):
            extract(trained, checkpoint, images, int(size), folder, settings)


if __name__ == "__main__":
    main(*sys.argv[1:])
