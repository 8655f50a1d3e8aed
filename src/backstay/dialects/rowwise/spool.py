"""A body that gathers piece by piece: in memory while it is short, in a temporary file from then on."""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from typing import IO, Final

from backstay.errors import StorageFull

MOST_HELD: Final = 1024 * 1024
"""Bytes that are held in memory before a file takes them."""
PIECE: Final = 256 * 1024
"""Bytes of one piece on the way out."""


class Spool:
    """Bytes that are written once and read from then on, of which little is in memory.

    The file has no name (or loses it at once), so it is gone with the process, however that ends. Writing and reading
    may wait for a disk: write in a thread; :meth:`pieces` reads in one, :meth:`parts` in that of its caller. A spool
    may be closed from another thread than the one that works with it, which then fails.

    Arguments:
        most_held: bytes to hold in memory before a file is made.
    """

    def __init__(self, most_held: int) -> None:
        self.length = 0
        self._most_held = most_held
        self._held: list[bytes] = []
        self._file: IO[bytes] | None = None
        self._closed = False
        self._guard = threading.Lock()

    def write(self, piece: bytes) -> None:
        """Add a piece at the end.

        Raises:
            StorageFull: the disk takes no more.
            ValueError: the spool is closed.
        """
        with self._guard:
            if self._closed:
                raise ValueError("the spool is closed")
            self.length += len(piece)
            if self._file is None:
                self._held.append(piece)
                if self.length > self._most_held:
                    self._spill()
            else:
                _write(self._file, piece)

    def whole(self) -> bytes | None:
        """All of it, where it was never too long to be held; None where it lies in a file."""
        return b"".join(self._held) if self._file is None else None

    async def pieces(self) -> AsyncIterator[bytes]:
        """Its bytes, from the first to the last, as fast as they are taken.

        Raises:
            OSError: the file cannot be read.
        """
        if self._file is None:
            yield b"".join(self._held)
            return
        offset = 0
        while offset < self.length:
            piece = await asyncio.to_thread(self._read, offset)
            if not piece:
                raise OSError(errno.EIO, "the spooled answer ended early")
            offset += len(piece)
            yield piece

    def parts(self) -> Iterator[bytes]:
        """Its bytes, from the first to the last; may be begun again. Reading may wait for the disk.

        Raises:
            OSError: the file cannot be read.
            ValueError: the spool is closed.
        """
        if self._file is None:
            yield b"".join(self._held)
            return
        offset = 0
        while offset < self.length:
            piece = self._read(offset)
            if not piece:
                raise OSError(errno.EIO, "the spool ended early")
            offset += len(piece)
            yield piece

    def close(self) -> None:
        """Let go of the file. A spool that is closed stays so."""
        with self._guard:
            self._closed = True
            self._held = []
            if self._file is not None:
                self._file.close()

    def _read(self, offset: int) -> bytes:
        with self._guard:
            if self._closed or self._file is None:
                raise ValueError("the spool is closed")
            self._file.seek(offset)
            return self._file.read(PIECE)

    def _spill(self) -> None:
        # Without a buffer: pieces are large already.
        self._file = tempfile.TemporaryFile(prefix="backstay-", buffering=0)  # noqa: SIM115
        held, self._held = self._held, []
        for piece in held:
            _write(self._file, piece)


def _write(file: IO[bytes], piece: bytes) -> None:
    left = memoryview(piece)
    try:
        while left:
            left = left[os.write(file.fileno(), left) :]
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull("The disk that holds temporary files is full.") from error
        raise
