"""The steps: what is called, and what was promised. Each file is a part of the service."""

from . import pages, access, sessions, limits, expiry, metrics  # In the order in which they are walked.
from .named import ALL
