"""The errors for bad input."""


class InputError(Exception):
    """Something the user gave (a setting, a file, data) is wrong.

    The message names the file or key, what was found and what was expected. The command line
    prints it without a traceback and exits with 1.
    """


class StorageError(InputError):
    """A file or folder that the system does not let us read or write."""
