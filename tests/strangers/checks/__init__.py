"""What is asked of every client, in the order of the table."""

from . import errors, recovery, requests, sign_in, values

CHECKS = [check for part in (sign_in, requests, errors, values, recovery) for check in part.CHECKS]
