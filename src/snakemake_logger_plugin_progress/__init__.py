"""Snakemake's logger plugin `progress`: the bars of the plugin `rich`, time left, and errors in one sentence.

Use it with `snakemake --logger progress`; the profile `default` does. The bar over all jobs moves with the
epochs of trainings, which the plugin reads in the jobs' logs. Without a terminal it writes a line a minute. A
message with which several jobs end is told once; --printshellcmds or --verbose show the command as well.
Trainings that were interrupted are counted at the end.
"""

import re
import threading
import time
from collections import Counter, defaultdict
from logging import LogRecord
from pathlib import Path
from typing import Any

from rich.progress import ProgressColumn, Task
from rich.text import Text
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_logger_plugin_rich import LogHandler as RichHandler

from snakemake_logger_plugin_progress.estimate import Estimate, told
from snakemake_logger_plugin_progress.joblog import Position, begun, head, position, reason, saved, tail

LOOK = 2  # seconds after which the logs are read again, for the bars
LINE = 60  # seconds between two lines, without a terminal
TOTAL = "Total Progress"  # rich's name of the bar over all jobs
REMOVED = "Removing temporary output"  # begins a line for each file of features that has served its purpose
# What Snakemake makes of a sentence of ours: between the lines of the file in which it was raised
OF_WORKFLOW = re.compile(r"WorkflowError in file [^\n]*, line \d+:\n(.+?)\n  File [^\n]*\Z", re.DOTALL)
OF_JOB = "CalledProcessError"  # in Snakemake's own message about a job, which holds its command


class LogHandler(RichHandler):
    """The plugin `rich`, which knows more of its jobs.

    logs: job -> its rule and its log. reasons: message -> rule -> how many jobs ended with it. stopped: epoch
    and how many there are -> trainings that were interrupted in it.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.estimate = Estimate()
        self.progress.columns = (*self.progress.columns, TimeLeft(self.estimate))
        self.logs: dict[int, tuple[str, Path | None]] = {}
        self.reasons: dict[str, Counter[str]] = {}
        self.stopped: Counter[tuple[int, int]] = Counter()
        self.total = self.done = 0
        self.ended = threading.Event()
        self.watch: threading.Thread | None = None
        self.held: LogRecord | None = None

    def emit(self, record: LogRecord) -> None:
        """Note what happens to jobs; what is told here in a sentence `rich` is not told."""
        event, now = getattr(record, "event", None), time.monotonic()
        if event == LogEvent.RUN_INFO:
            stats: dict[str, int] = dict(vars(record)["stats"])
            self.total = stats.pop("total", sum(stats.values()))
            self.estimate.waiting = stats
            self.begin()
            self.held = record
            if status := getattr(self.event_handler, "dag_status", None):
                status.stop()
            return
        if event == LogEvent.JOB_INFO:
            self.draw_bars()
            of_job: dict[str, Any] = vars(record)
            files = of_job["log"] or []
            self.logs[of_job["jobid"]] = of_job["rule_name"], Path(files[0]) if files else None
            self.estimate.start(of_job["jobid"], of_job["rule_name"], now)
            if self.common_settings.printshellcmds and of_job["shellcmd"]:
                self.say(of_job["shellcmd"])
        elif event == LogEvent.JOB_FINISHED:
            self.done += 1
            self.estimate.finish(vars(record)["job_id"], now)
        elif event == LogEvent.JOB_ERROR:
            self.estimate.fail(vars(record)["jobid"])
            if self.explained(vars(record)["jobid"]):
                return
        elif self.is_noise(record):
            return
        elif (found := OF_WORKFLOW.match(record.getMessage())) and not self.asked_for_commands():
            self.say(f"error: {found[1]}", "red")
            return
        super().emit(record)

    def draw_bars(self) -> None:
        """Let `rich` draw its bars: at the first job, so that a question before it has the terminal alone."""
        if self.held:
            held, self.held = self.held, None
            super().emit(held)

    def is_noise(self, record: LogRecord) -> bool:
        """Whether a message says only what is told better or better not told, unless it was asked for."""
        text = record.getMessage()
        if getattr(record, "event", None) == LogEvent.ERROR:
            return OF_JOB in text and not self.asked_for_commands()
        return text.startswith(REMOVED) and not self.common_settings.verbose

    def asked_for_commands(self) -> bool:
        """Whether the commands of jobs are to be shown."""
        return bool(self.common_settings.printshellcmds or self.common_settings.verbose)

    def explained(self, job: int) -> bool:
        """Whether a sentence says why a job ended; the first time, it is printed."""
        rule, log = self.logs.get(job, ("", None))
        text = tail(log) if log else ""
        if (epoch := saved(text)) is not None:
            where = position(text)
            self.stopped[epoch, where.epochs if where else epoch] += 1
            return True
        why = reason(text)
        if why is None:
            return False
        if why not in self.reasons:
            self.say(f"error: {why}\n       in {rule}; its log: {log}", "red")
        self.reasons.setdefault(why, Counter())[rule] += 1
        return True

    def say(self, text: str, style: str = "") -> None:
        """Print lines as they are, above the bars."""
        self.console.print(Text(text, style=style), soft_wrap=True)

    def begin(self) -> None:
        """Look after the jobs from now on."""
        if self.watch is None and not self.common_settings.dryrun:
            self.watch = threading.Thread(target=self.look, daemon=True)
            self.watch.start()

    def look(self) -> None:
        """Read the logs of running jobs, again and again, until the end."""
        wait = LOOK if self.console.is_terminal else LINE
        while not self.ended.wait(wait):
            places = self.positions()
            for job in places.keys() - self.estimate.shares.keys():
                self.estimate.begun[job] = begun(head(self.logs[job][1]))
            self.estimate.shares = {job: place.share for job, place in places.items()}
            if self.console.is_terminal:
                self.move_bars()
            else:
                self.say(self.line(places))

    def move_bars(self) -> None:
        """Let the bars of all jobs and of each rule show how far running jobs are."""
        shares: dict[str, float] = defaultdict(float)
        for job, share in self.estimate.shares.items():
            shares[self.logs[job][0]] += share
        done = {rule: counts["completed"] for rule, counts in self.event_handler.rule_counts.items()}
        for name, task in self.event_handler.progress_display.rule_tasks.items():
            part = sum(shares.values()) if name == TOTAL else shares.get(name, 0)
            if part:
                self.progress.update(task, completed=part + (self.done if name == TOTAL else done[name]))

    def positions(self) -> dict[int, Position]:
        """How far the running jobs are that say so."""
        running = {job: self.logs[job][1] for job in list(self.estimate.running)}
        found = {job: position(tail(log)) for job, log in running.items() if log}
        return {job: place for job, place in found.items() if place}

    def line(self, places: dict[int, Position]) -> str:
        """All that is going on, in a line."""
        running = []
        for job, (rule, _) in list(self.estimate.running.items()):
            running.append(f"{rule} ({places[job]})" if job in places else rule)
        counts = [name if n == 1 else f"{n} {name}" for name, n in Counter(running).items()]
        left = told(self.estimate.seconds_left(time.monotonic()))
        jobs = f"{self.done:,} of {self.total:,} jobs done"
        return f"{time.strftime('%H:%M')}  {jobs}, running: {', '.join(counts) or 'none'}; {left}"

    def close(self) -> None:
        """Say what jobs that failed have in common, and what was interrupted."""
        first = not self.ended.is_set()  # Snakemake calls this more than once
        self.ended.set()
        super().close()
        if not first:
            return
        for why, rules in self.reasons.items():
            if rules.total() > 1:
                jobs = ", ".join(f"{count:,} {rule}" for rule, count in rules.items())
                self.say(f"{rules.total():,} jobs ({jobs}) ended with the same error: {why}", "red")
        if self.stopped:
            parts = [
                f"{count:,} {'training' if count == 1 else 'trainings'} saved in epoch {epoch} of {epochs}"
                for (epoch, epochs), count in sorted(self.stopped.items())
            ]
            self.say(f"{', '.join(parts)}; the same command goes on")


class TimeLeft(ProgressColumn):
    """Shows the estimate beside the bar over all jobs."""

    def __init__(self, estimate: Estimate):
        super().__init__()
        self.estimate = estimate

    def render(self, task: Task) -> Text:
        """Show "about 12 min left" on the overall bar, nothing on the others."""
        if TOTAL not in task.description or task.finished:
            return Text("")
        return Text(told(self.estimate.seconds_left(time.monotonic())), style="cyan")
