"""Snakemake's logger plugin `eta`: the bars of the plugin `rich`, and how long all jobs will still take.

Use it with `snakemake --logger eta`; the profile `default` does.
"""

import time
from collections import defaultdict
from logging import LogRecord

from rich.progress import ProgressColumn, Task
from rich.text import Text
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_logger_plugin_rich import LogHandler as RichHandler


class LogHandler(RichHandler):
    """The plugin `rich` with one more column; quiet, as that is, when not on a terminal."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.estimate = Estimate()
        self.progress.columns = (*self.progress.columns, TimeLeft(self.estimate))

    def emit(self, record: LogRecord) -> None:
        """Note when jobs start and end, then do what `rich` does."""
        event = getattr(record, "event", None)
        if event == LogEvent.RUN_INFO:
            self.estimate.waiting = {rule: count for rule, count in record.stats.items() if rule != "total"}
        elif event == LogEvent.JOB_INFO:
            self.estimate.start(record.jobid, record.rule_name, time.monotonic())
        elif event == LogEvent.JOB_FINISHED:
            self.estimate.finish(record.job_id, time.monotonic())
        super().emit(record)


class Estimate:
    """Time left, from how long finished jobs of each rule took and how many ran side by side.

    waiting: rule -> jobs not yet started. Times are in seconds of any one clock.
    """

    def __init__(self) -> None:
        self.waiting: dict[str, int] = {}
        self.running: dict[int, tuple[str, float]] = {}
        self.durations: dict[str, list[float]] = defaultdict(list)
        self.began: float | None = None

    def start(self, job: int, rule: str, now: float) -> None:
        """A job starts."""
        self.began = now if self.began is None else self.began
        self.running[job] = (rule, now)
        self.waiting[rule] = max(0, self.waiting.get(rule, 0) - 1)

    def finish(self, job: int, now: float) -> None:
        """A job has ended well."""
        if job in self.running:
            rule, started = self.running.pop(job)
            self.durations[rule].append(now - started)

    def seconds_left(self, now: float) -> float | None:
        """Expected seconds until all jobs are done; None before the first job has ended.

        A rule of which no job has ended is expected to take as long as the average job.
        """
        ended = [duration for durations in self.durations.values() for duration in durations]
        if not ended or self.began is None or now <= self.began:
            return None
        expected = {rule: sum(durations) / len(durations) for rule, durations in self.durations.items()}
        average = sum(ended) / len(ended)
        work = sum(count * expected.get(rule, average) for rule, count in self.waiting.items())
        for rule, started in self.running.values():
            work += max(0.0, expected.get(rule, average) - (now - started))
        busy = sum(ended) + sum(now - started for _, started in self.running.values())
        return work / max(1.0, busy / (now - self.began))


class TimeLeft(ProgressColumn):
    """Shows the estimate beside the bar over all jobs."""

    def __init__(self, estimate: Estimate):
        super().__init__()
        self.estimate = estimate

    def render(self, task: Task) -> Text:
        """Show "about 0:12:34 left" on the overall bar, nothing on the others."""
        if "Total Progress" not in task.description or task.finished:
            return Text("")
        seconds = self.estimate.seconds_left(time.monotonic())
        if seconds is None:
            return Text("time left: not known yet", style="dim")
        minutes, seconds = divmod(round(seconds), 60)
        return Text(f"about {minutes // 60}:{minutes % 60:02d}:{seconds:02d} left", style="cyan")
