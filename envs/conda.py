"""Write `envs/{name}.yaml`, for `snakemake --sdm conda`, from the pins in `envs/{name}.lock`.

python envs/conda.py            write them (make lock does)
python envs/conda.py --check    exit with 1 if one does not say what its lock says
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).parent
ENVIRONMENTS = ("train", "analysis")  # those that jobs run in


def conda_environment(name: str) -> str:
    """The conda environment with exactly the lock's packages, installed by pip, as YAML."""
    lines = (FOLDER / f"{name}.lock").read_text().splitlines()
    pins = [line.removesuffix("\\").strip() for line in lines if line and line[0] not in " #"]
    head = f"# Written by envs/conda.py from {name}.lock; do not edit.\n"
    head += f"name: feature-diversity-{name}\nchannels: [conda-forge, nodefaults]\ndependencies:\n"
    return head + "  - python=3.11\n  - pip\n  - pip:\n" + "".join(f'      - "{pin}"\n' for pin in pins)


def main() -> None:
    """Write all environments, or check them."""
    for name in ENVIRONMENTS:
        path, text = FOLDER / f"{name}.yaml", conda_environment(name)
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            sys.exit(f"error: {path} does not agree with {name}.lock; run: python envs/conda.py")


if __name__ == "__main__":
    main()
