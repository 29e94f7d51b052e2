"""A thread that runs a few pieces ahead, and stops when nobody wants more."""

import threading
from collections.abc import Iterator

import pytest

from prescarbon.store.ahead import PIECES_AHEAD, ahead


def test_pieces_come_in_order():
    assert list(ahead(iter(range(50)))) == list(range(50))


def test_an_error_comes_after_the_pieces_before_it():
    def pieces() -> Iterator[int]:
        yield 1
        raise ValueError("the second")

    made = ahead(pieces())
    assert next(made) == 1
    with pytest.raises(ValueError, match="the second"):
        next(made)


def test_who_stops_early_leaves_no_thread_and_no_endless_work():
    made: list[int] = []

    def endless() -> Iterator[int]:
        n = 0
        while True:
            made.append(n)
            yield n
            n += 1

    some = ahead(endless())
    assert next(some) == 0
    some.close()
    assert len(made) <= 2 * PIECES_AHEAD + 3  # what was queued, and what was made while the queue was emptied
    assert not [t for t in threading.enumerate() if t.name == "ahead"]
