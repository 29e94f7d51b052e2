"""Work of one stage while the next is still busy: a thread that runs a few pieces ahead."""

import threading
from collections.abc import Generator, Iterator
from queue import Queue
from typing import TypeVar

PIECES_AHEAD = 3
Piece = TypeVar("Piece")


def ahead(pieces: Iterator[Piece]) -> Generator[Piece, None, None]:
    """The same pieces in the same order, made by a thread; its errors are raised here.

    Inflating and parsing let go of the interpreter's lock, so two stages use two cores.
    """
    queue: Queue[tuple[Piece] | BaseException | None] = Queue(PIECES_AHEAD)
    stop = threading.Event()

    def work() -> None:
        try:
            for piece in pieces:
                queue.put((piece,))
                if stop.is_set():
                    return
            queue.put(None)
        except BaseException as error:
            queue.put(error)

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while (made := queue.get()) is not None:
            if isinstance(made, BaseException):
                raise made
            yield made[0]
    finally:
        stop.set()
        while thread.is_alive():
            while not queue.empty():
                queue.get_nowait()
            thread.join(0.05)
