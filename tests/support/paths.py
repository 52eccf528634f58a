"""Where the parts of the checkout are."""

from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
SOURCE = ROOT / "src"
GOLDEN = TESTS / "golden"
SUPPORT = TESTS / "support"
