"""Why a verification ends without a result."""


class CouldNotRun(Exception):
    """Something that it needs is not there, or did not work. The text is for the person who started it."""


class Interrupted(BaseException):
    """Somebody wants it to end. What was made is still to be deleted."""
