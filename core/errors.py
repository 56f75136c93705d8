"""What can go wrong, in sentences for the person who reads them.

Every message says what happened and what to do. Pages, routes and the command line catch `StudioError`
once and show its text; anything else is a bug.
"""


class StudioError(Exception):
    """The base of every error that a person may see; `str(error)` is a whole sentence."""


class NotFound(StudioError):
    """There is no such dataset, image, run, model or prediction (HTTP 404)."""


class Refused(StudioError):
    """The input cannot be used; nothing was changed (HTTP 422). `kind` is a stable word for tests and tables."""

    def __init__(self, message: str, kind: str = "refused") -> None:
        super().__init__(message)
        self.kind = kind


class Conflict(StudioError):
    """Somebody else changed the same thing first; nothing was overwritten (HTTP 409)."""


class Unavailable(StudioError):
    """Something that should answer does not just now; trying again may help (HTTP 503)."""


class DiskFull(StudioError):
    """Too little free space to go on safely; everything acknowledged is kept (HTTP 507)."""


class Unauthorized(StudioError):
    """Whoever asks did not say a secret that is good for this (HTTP 401)."""


class TooMany(StudioError):
    """Asked more often than is allowed; nothing was done (HTTP 429)."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s  # until asking again may help


class Undecided(StudioError):
    """What was asked for cannot be had, and a person has to say what is done instead; nothing was begun (HTTP 409)."""
