"""Write `envs/{name}.yaml`, for `snakemake --sdm conda`, from the pins in `envs/{name}.lock`.

VISSL asks pip for versions that it does not get (`vissl.overrides`), so it is left to a script that Snakemake
runs in the finished environment, `vissl.post-deploy.sh`.

python envs/conda.py            write them (make lock does)
python envs/conda.py --check    exit with 1 if one does not say what its lock says
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).parent
ENVIRONMENTS = ("train", "analysis", "vissl")  # those that jobs run in
ALONE = "vissl=="  # the package to be installed without what it asks for


def pins(name: str) -> list[str]:
    """The packages of a lock, with versions and markers."""
    lines = (FOLDER / f"{name}.lock").read_text().splitlines()
    return [line.removesuffix("\\").strip() for line in lines if line and line[0] not in " #"]


def conda_environment(name: str) -> str:
    """The conda environment with exactly the lock's packages, installed by pip, as YAML."""
    head = f"# Written by envs/conda.py from {name}.lock; do not edit.\n"
    head += f"name: feature-diversity-{name}\nchannels: [conda-forge, nodefaults]\ndependencies:\n"
    listed = [f'      - "{pin}"\n' for pin in pins(name) if not pin.startswith(ALONE)]
    return head + "  - python=3.11\n  - pip\n  - pip:\n" + "".join(listed)


def post_deploy() -> str:
    """The script that completes VISSL's environment."""
    (pin,) = (pin for pin in pins("vissl") if pin.startswith(ALONE))
    return (
        f"# Written by envs/conda.py from vissl.lock; do not edit.\npython -m pip install --no-deps '{pin}'\n"
    )


def main() -> None:
    """Write all environments, or check them."""
    files = {f"{name}.yaml": conda_environment(name) for name in ENVIRONMENTS}
    files["vissl.post-deploy.sh"] = post_deploy()
    for file, text in files.items():
        path = FOLDER / file
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            sys.exit(f"error: {path} does not agree with its lock; run: python envs/conda.py")


if __name__ == "__main__":
    main()
