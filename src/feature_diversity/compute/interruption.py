"""Being asked to stop, by a scheduler or from the keyboard."""

import signal


class Interruption:
    """Whether SIGTERM or SIGINT (Ctrl-C) asked the process to stop, which it may do where that suits it.

    Used with `with`.

    Attributes:
        signal: number of the signal; None until it comes.
    """

    def __init__(self):
        self.signal: int | None = None

    @property
    def exit_code(self) -> int:
        """What a shell reports for a process that this signal ended; 0 until it comes."""
        return 128 + self.signal if self.signal else 0

    def _note(self, number: int, frame: object) -> None:
        self.signal = number

    def __enter__(self) -> "Interruption":
        self.before = {
            number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)
        }
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
