"""What can go wrong: one class per exit code; each message says what, where and the remedy."""


class PrescarbonError(Exception):
    """A failure the user can act on: `where: what remedy` in one line; `exit_code` is the command's."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        """Say what is wrong, where (file, column, row), and what to do about it."""
        super().__init__(": ".join(filter(None, [where, what])) + (f" {remedy}" if remedy else ""))


class InputError(PrescarbonError):
    """A file, a row, a folder or a code that the user gave."""

    exit_code = 3


class PortalError(PrescarbonError):
    """The open data portal did not give what was asked for."""

    exit_code = 4


class DefinitionError(PrescarbonError):
    """A file under reference/, or the configuration, is wrong."""

    exit_code = 5


class CoverageError(PrescarbonError):
    """Too many inhalers without a factor to publish a total."""

    exit_code = 6
