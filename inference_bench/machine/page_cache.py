"""The kernel's page cache of a file: fill it, empty it, measure how much it holds."""

from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path

_READ_BYTES = 1 << 20


def fill(path: Path) -> None:
    """Read the whole file into the page cache, as far as memory allows."""
    with path.open("rb", buffering=0) as file:
        buffer = bytearray(_READ_BYTES)
        while file.readinto(buffer):
            pass


def evict(path: Path) -> None:
    """Ask the kernel to drop the file from the page cache; mapped pages stay."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # a page that is not on disk yet cannot be dropped
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def cached_bytes(path: Path) -> int | None:
    """Return how much of a file the page cache holds, in whole pages; None if unknown.

    Since Linux 5.2 ``mincore`` reports every page as resident to a process that neither owns the file nor may write it.

    Raises:
        OSError: the file cannot be read or mapped.
    """
    status = path.stat()
    if status.st_size == 0:
        return 0
    if status.st_uid != os.geteuid() and not os.access(path, os.W_OK):
        return None
    pages = -(-status.st_size // mmap.PAGESIZE)
    resident = (ctypes.c_ubyte * pages)()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as mapped:
        # Copy-on-write only because ctypes gives no address of a read-only buffer; nothing is written.
        first = ctypes.c_ubyte.from_buffer(mapped)
        libc = ctypes.CDLL(None, use_errno=True)
        failed = libc.mincore(ctypes.c_void_p(ctypes.addressof(first)), ctypes.c_size_t(len(mapped)), resident)
        del first  # the map cannot be closed while it is referred to
    if failed:
        return None
    return sum(flags & 1 for flags in resident) * mmap.PAGESIZE
