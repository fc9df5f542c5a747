"""A check: a function that takes a bench and raises `Miss`."""

from dataclasses import dataclass
from typing import Callable

from client import Miss


@dataclass
class Check:
    name: str
    # One line for the table's readers.
    about: str
    # Whether no client at all may have a hole here.
    is_must: bool
    run: Callable


class Checks(list):
    """The checks of one file, in their order."""

    def check(self, about, must=False):
        def add(function):
            self.append(Check(function.__name__.replace("_", "-"), about, must, function))
            return function
        return add


def want(holds, found):
    if not holds:
        raise Miss(str(found))
