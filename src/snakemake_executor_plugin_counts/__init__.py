"""Snakemake's executor plugin `counts`: a dry run that says how many jobs would run and why, not which.

Use it with `snakemake --executor counts`; the command `plan` does. Printing every job at length takes
Snakemake almost as long as finding them. On standard output comes one line of JSON, a list of
[rule, [reasons], jobs]; the reasons are Snakemake's own without the files they name.
"""

import json
from collections import Counter

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


class Executor(AbstractExecutor):
    """Counts jobs instead of running them."""

    def __init__(self, workflow, logger):
        super().__init__(workflow, logger)
        self.jobs: Counter[tuple[str, tuple[str, ...]]] = Counter()

    def printjob(self, job: JobExecutorInterface) -> None:
        """Count a job, or the jobs of a group, instead of printing it."""
        for one in job.jobs if job.is_group() else [job]:
            reasons = str(self.dag.reason(one)).split("; ")
            self.jobs[one.rule.name, tuple(reason.split(":")[0] for reason in reasons)] += 1

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
