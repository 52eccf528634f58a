"""How long the jobs of a workflow will still take."""

from collections import defaultdict

LEAST = 0.01  # share of a job from which on its own pace says how long it takes
TENTH = 0.1  # of a training: what a job of another rule is taken to need while none of them has ended


class Estimate:
    """Time left: how long finished jobs of each rule took, how far others are, how many ran side by side.

    waiting: rule -> jobs not yet started. Times are in seconds of any one clock.
    """

    def __init__(self) -> None:
        self.waiting: dict[str, int] = {}
        self.running: dict[int, tuple[str, float]] = {}
        self.shares: dict[int, float] = {}  # of running jobs that say how far they are, 0 to 1
        self.begun: dict[int, float] = {}  # where those began that go on from a saved state
        self.trainings: set[str] = set()  # rules whose jobs say how far they are
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
            self.shares.pop(job, None)
            self.durations[rule].append((now - started) / (1 - self.begun.pop(job, 0.0)))

    def fail(self, job: int) -> None:
        """A job has ended otherwise; how long that took says nothing."""
        self.running.pop(job, None)
        self.shares.pop(job, None)
        self.begun.pop(job, None)

    def expected(self, now: float) -> tuple[dict[int, float], dict[str, float]]:
        """How long each running job that says how far it is takes in all, and a whole one of each rule."""
        jobs, of_rule = {}, {rule: list(durations) for rule, durations in self.durations.items()}
        for job, (rule, started) in self.running.items():
            begun = self.begun.get(job, 0.0)
            share = self.shares.get(job, 0.0) - begun
            if share >= LEAST:
                whole = (now - started) / share
                jobs[job] = (1 - begun) * whole
                of_rule.setdefault(rule, []).append(whole)
                self.trainings.add(rule)
        return jobs, {rule: sum(durations) / len(durations) for rule, durations in of_rule.items()}

    def seconds_left(self, now: float) -> float | None:
        """Expected seconds until all jobs are done; None where nothing tells yet how long any job takes.

        A rule that waits, and of which no job has ended, takes as long as the average of those that do not
        train, and before one of them has ended a tenth of what trainings take.
        """
        jobs, of_rule = self.expected(now)
        if not of_rule or self.began is None or now <= self.began:
            return None
        others = [seconds for rule, seconds in of_rule.items() if rule not in self.trainings]
        average = sum(others) / len(others) if others else TENTH * sum(of_rule.values()) / len(of_rule)
        work = sum(count * of_rule.get(rule, average) for rule, count in self.waiting.items())
        for job, (rule, started) in self.running.items():
            work += max(0.0, jobs.get(job, of_rule.get(rule, average)) - (now - started))
        busy = sum(sum(durations) for durations in self.durations.values())
        busy += sum(now - started for _, started in self.running.values())
        return work / max(1.0, busy / (now - self.began))


def told(seconds: float | None) -> str:
    """A time left, as people say it."""
    if seconds is None:
        return "time left not known yet"
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute left"
    if minutes < 90:
        return f"about {minutes} min left"
    return f"about {seconds / 3600:.1f} h left" if seconds < 36_000 else f"about {seconds / 3600:.0f} h left"
