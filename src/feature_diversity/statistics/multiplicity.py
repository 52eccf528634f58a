"""How many of many tests find something by chance alone."""

ALPHA = 0.05  # of a claim's test, in each of its two directions


def by_chance(tests: int) -> str:
    """What to know beside a tally of verdicts, in words.

    Each claim is a statement of its own with an error rate of its own, so the expected number of false
    verdicts grows with their number; it does not depend on how they depend on each other.

    Args:
        tests: number of claims that a test decided.

    Returns:
        A clause without a full stop.
    """
    level, expected = f"{100 * ALPHA:.0f} % a direction", f"{ALPHA * tests:.2g}"
    return f"of {tests} tests at {level}, chance alone supports up to {expected} and contradicts as many"
