"""Snakemake's executor plugin `counts`: a dry run that says how many jobs would run and why, not which.

Use it with `snakemake --executor counts`; the command `plan` does. Printing every job at length takes
Snakemake almost as long as finding them. On standard output comes one line of JSON, a list of
[rule, [reasons], jobs]; the reasons are Snakemake's own without the files they name, and what changed of
params in words, such as "recipe: temperature 0.1 -> 0.2".
"""

import ast
import contextlib
import json
from collections import Counter
from typing import Any

from snakemake_interface_executor_plugins.executors.base import AbstractExecutor, SubmittedJobInfo
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(
    non_local_exec=False,
    dryrun_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
)

PARAMS = "Params have changed since last execution"  # Snakemake's words
LONGEST = 40  # characters of a value that is told
NONE, EMPTY = "none", (None, "", [])
DIGESTS = ("code", "environment")  # params that say nothing to people


def changes(job: JobExecutorInterface, change: Any) -> list[str]:
    """What is other about the params of a job, one text for each.

    Snakemake remembers values without their names: one that is gone belongs to a new one that is the only
    one, or has the same keys.
    """
    names = {repr(value): name for name, value in job.params.items()}
    now = [(names.get(text, "params"), value_of(text)) for text in sorted(change.only_new)]
    before = [value_of(text) for text in sorted(change.only_old)]
    pairs = []
    for name, new in [*now]:
        keys = set(new) if isinstance(new, dict) else None
        alike = [old for old in before if isinstance(old, dict) and set(old) == keys]
        if len(alike) == 1:
            pairs.append((name, alike[0], new))
            now.remove((name, new))
            before.remove(alike[0])
    rest = [(name, new) for name, new in now if name not in DIGESTS]
    other = [old for old in before if len(str(old)) < LONGEST]
    found = [of_digest(name, before, new) for name, new in now if name in DIGESTS]
    if len(rest) == len(before) == 1 or len(rest) == len(other) == len(before) - len(found) == 1:
        pairs.append((rest[0][0], (other or before)[0], rest[0][1]))
    else:
        found += [f"{name} changed" for name, _ in rest]
    return sorted({text for pair in pairs for text in described(*pair)} | set(found))


def of_digest(name: str, before: list[Any], new: Any) -> str:
    """What is other about what a digest stands for: which files of the code, where that is known."""
    # Snakemake loads its plugins before the Snakefile says in which checkout the package lies
    from feature_diversity.records.digest import code_change

    told = [code_change(old, str(new)) for old in before if isinstance(old, str)]
    return next(filter(None, told), f"{name} changed")


def value_of(text: str) -> Any:
    """A value that Snakemake stored; what it holds as JSON, if that is a dictionary, or a list of such.

    Of a list, as of the networks of a job, each key has all the values that stand there.
    """
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
        if isinstance(value, str) and value.startswith("{"):
            return json.loads(value)
        if isinstance(value, list) and value and value[0].startswith("{"):
            parts = [json.loads(part) for part in value]
            return {key: " ".join(dict.fromkeys(str(part[key]) for part in parts)) for key in parts[0]}
    return value


def described(name: str, old: Any, new: Any) -> list[str]:
    """How a value changed, by its keys if it has some; long ones are not told."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [key for key in sorted(old | new) if old.get(key) != new.get(key)]
        return [f"{name}: {text}" for key in keys for text in described(key, old.get(key), new.get(key))]
    if max(len(str(old)), len(str(new))) > LONGEST:
        return [f"{name} changed"]
    return [f"{name} {NONE if old in EMPTY else old} -> {NONE if new in EMPTY else new}"]


class Executor(AbstractExecutor):
    """Counts jobs instead of running them."""

    def __init__(self, workflow, logger):
        super().__init__(workflow, logger)
        self.jobs: Counter[tuple[str, tuple[str, ...]]] = Counter()

    def printjob(self, job: JobExecutorInterface) -> None:
        """Count a job, or the jobs of a group, instead of printing it."""
        for one in job.jobs if job.is_group() else [job]:
            reason = self.dag.reason(one)
            told = str(reason).replace(f"{PARAMS}: {reason.params_changed}", PARAMS)
            reasons = [part.split(":")[0] for part in told.split("; ")]
            if PARAMS in reasons:
                place = reasons.index(PARAMS)
                reasons[place : place + 1] = changes(one, reason.params_changed) or [PARAMS]
            self.jobs[one.rule.name, tuple(reasons)] += 1

    def run_job(self, job: JobExecutorInterface) -> None:
        """Let Snakemake go on as if the job had run."""
        info = SubmittedJobInfo(job=job)
        self.report_job_submission(info)
        self.report_job_success(info)

    def shutdown(self) -> None:
        """Print what was counted."""
        print(json.dumps([[rule, reasons, count] for (rule, reasons), count in self.jobs.items()]))

    def cancel(self) -> None:
        """Nothing runs that could be cancelled."""

    def handle_job_success(self, job: JobExecutorInterface) -> None:
        """Nothing was made that is to be looked after."""

    def handle_job_error(self, job: JobExecutorInterface) -> None:
        """Nothing runs that could fail."""
