"""The bytes of a file, unpacked as they are read: plain, gzip, or the one CSV in a ZIP; damage is one sentence."""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from isal import isal_zlib

from prescarbon.errors import InputError

READ_AT_ONCE = 1 << 20
LOCAL_HEADER = b"PK\x03\x04"
DAMAGED = "Download it again: the file is damaged or was cut short."

Progress = Callable[[int], None]


def unpacked(path: Path, progress: Progress) -> Generator[bytes, None, None]:
    """Pieces of the unpacked file, in order; never a piece more than was packed.

    progress  called with the bytes of the packed file read so far

    Raises:
        InputError: it is damaged, or is a ZIP that does not hold exactly one CSV.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    if magic.startswith(b"PK"):
        return _in_one_sentence(path, _unzipped(path, progress))
    if magic.startswith(b"\x1f\x8b"):
        return _in_one_sentence(path, _read(path, lambda packed: gzip.GzipFile(fileobj=packed), progress))
    return _in_one_sentence(path, _read(path, lambda file: file, progress))


def _in_one_sentence(path: Path, pieces: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
    with reading(path):
        yield from pieces


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Errors of opening, reading and unpacking the file inside the block become one InputError."""
    try:
        yield
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, isal_zlib.IsalError, struct.error, ValueError) as error:  # type: ignore[misc]  # isal types it loosely
        if isinstance(error, OSError) and error.strerror:  # the disk's word; a damaged .gz is an OSError without one
            raise InputError(
                f"cannot be read ({error.strerror}).", where=path.name, remedy="Can you open it yourself?"
            ) from error
        raise InputError(f"cannot be unpacked ({error}).", where=path.name, remedy=DAMAGED) from error


def _read(
    path: Path, unpack: Callable[[IO[bytes]], IO[bytes] | gzip.GzipFile], progress: Progress
) -> Generator[bytes, None, None]:
    with path.open("rb") as file, unpack(file) as contents:
        while piece := contents.read(4 * READ_AT_ONCE):
            progress(file.tell())
            yield piece


def _unzipped(path: Path, progress: Progress) -> Generator[bytes, None, None]:
    """The one CSV in a ZIP, inflated by isal (about twice as fast as zlib); size and CRC are checked at the end."""
    with zipfile.ZipFile(path) as archive:
        inside = [i for i in archive.infolist() if i.filename.lower().endswith(".csv")]
    if len(inside) != 1:
        raise InputError(
            f"holds {len(inside)} CSV files, not one.", where=path.name, remedy="Unpack it and import the EPD file."
        )
    (info,) = inside
    if info.compress_type not in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED) or info.flag_bits & 1:
        raise InputError(
            "is packed in a way that cannot be read.", where=path.name, remedy="Unpack it and import the CSV."
        )
    inflate = isal_zlib.decompressobj(-15) if info.compress_type == zipfile.ZIP_DEFLATED else None
    crc, size, left = 0, 0, info.compress_size
    with path.open("rb") as file:
        file.seek(info.header_offset)
        signature, name_length, extra_length = struct.unpack("<4s22x2H", file.read(30))
        if signature != LOCAL_HEADER:
            raise InputError("does not hold its CSV where it says.", where=path.name, remedy=DAMAGED)
        file.seek(name_length + extra_length, io.SEEK_CUR)
        while left and (packed := file.read(min(READ_AT_ONCE, left))):
            left -= len(packed)
            piece = inflate.decompress(packed) if inflate else packed
            crc, size = isal_zlib.crc32(piece, crc), size + len(piece)
            progress(info.compress_size - left)
            yield piece
    if left or size != info.file_size or crc != info.CRC:
        raise InputError("does not unpack to what it promises.", where=path.name, remedy=DAMAGED)
