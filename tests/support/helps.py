"""What commands say about themselves, each in a process of its own that does not load torch anew."""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

# A fork of a process that has loaded torch, which takes some seconds, runs the command as `python -m` does.
FORKS = """
import gc, json, os, runpy, sys, torch
gc.freeze()  # lest each fork looks through all of torch
folder, *names = sys.argv[1:]
codes = {}
for name in names:
    if os.fork() == 0:
        for stream, ending in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{folder}/{name}.{ending}", os.O_CREAT | os.O_WRONLY), stream)
        sys.argv[1:] = [name, "--help"]
        runpy.run_module("feature_diversity", run_name="__main__", alter_sys=True)
        sys.exit()
    codes[name] = os.waitstatus_to_exitcode(os.wait()[1])
print(json.dumps(codes))
"""


def helps(names: list[str], path: Path) -> dict[str, subprocess.CompletedProcess]:
    """What `python -m feature_diversity NAME --help` gives, for each name, with the package at `path`."""
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", FORKS, folder, *names],
            env=os.environ | {"PYTHONPATH": str(path)},
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )

        def said(name: str, ending: str) -> str:
            return Path(folder, f"{name}.{ending}").read_text()

        return {
            name: subprocess.CompletedProcess([name, "--help"], code, said(name, "out"), said(name, "err"))
            for name, code in json.loads(done.stdout).items()
        }
