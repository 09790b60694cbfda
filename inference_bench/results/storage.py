"""Runs on object storage: an address such as ``s3://bucket/prefix`` read and written like a folder.

Only ``pyarrow.fs`` talks to a store. Credentials are those that it finds (variables, profiles, roles); an address has
none, because addresses are stored with a run.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from inference_bench.errors import InvalidValueError, StorageError
from inference_bench.results.filesystems import SCHEMES, check_options, open_filesystem
from inference_bench.results.storage_errors import told_by_store

if TYPE_CHECKING:
    import os

    from pyarrow import NativeFile
    from pyarrow.fs import FileInfo, FileSystem

RUN, NODE = "run_id=", "node="
"""Beginnings of the names of folders in a store: ``run_id=20261123T201530Z-3fa9c1/node=host``."""
_FILE = "file"
_FLAT = "gs"
_SENT_WHOLE_BYTES = 5 << 20
"""What is larger is sent in parts; if one is refused, Arrow makes an object of those that arrived."""
_READS = 20
"""An object that changes while it is read is read again, up to this often. A run is written a few times a second."""
_SEPARATOR = "://"

_Version = tuple[int, Mapping[str, bytes]]
"""What differs between two versions of an object: its size, and what the store knows of it, such as its tag."""


@dataclass(frozen=True, slots=True)
class StoredPath:
    """A file or folder on object storage, with the part of ``pathlib.Path``'s interface that readers of runs use.

    Every method that asks the store raises ``StorageError`` if the store cannot be reached or refuses.

    Attributes:
        scheme: of the address.
        path: bucket and key, as the store names it.
        query: how the store is reached, as the address has it: ``endpoint_override=localhost:9000``.
    """

    scheme: str
    path: PurePosixPath
    query: str = ""

    @property
    def filesystem(self) -> FileSystem:
        """The store."""
        return open_filesystem(self.scheme, self.path.parts[0], self.query)

    def __str__(self) -> str:
        return f"{self.scheme}{_SEPARATOR}{self.path}" + (f"?{self.query}" if self.query else "")

    def __fspath__(self) -> str:
        return str(self)

    def __truediv__(self, name: str) -> StoredPath:
        return StoredPath(self.scheme, self.path / name, self.query)

    @property
    def name(self) -> str:
        """Last part."""
        return self.path.name

    @property
    def parts(self) -> tuple[str, ...]:
        """Bucket and folders."""
        return self.path.parts

    @property
    def parent(self) -> StoredPath:
        """The folder that holds it."""
        return StoredPath(self.scheme, self.path.parent, self.query)

    def resolve(self) -> StoredPath:
        """Return itself: a store has no links."""
        return self

    def exists(self) -> bool:
        """Return whether it is an object, or the beginning of an object's name."""
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Return whether it is an object."""
        from pyarrow.fs import FileType

        return bool(self._info().type == FileType.File)

    def is_dir(self) -> bool:
        """Return whether objects have a name that begins with it."""
        from pyarrow.fs import FileType

        return bool(self._info().type == FileType.Directory)

    def iterdir(self) -> Iterator[StoredPath]:
        """Yield what is directly in it, by name; nothing if it does not exist."""
        for info in self._listed(recursive=False):
            yield self / PurePosixPath(info.path).name

    def folders_with(self, name: str) -> Iterator[StoredPath]:
        """Yield the folders, itself included, that hold an object of this name; what is below one is not looked at."""
        from pyarrow.fs import FileType

        inside = self._listed(recursive=False)
        if any(PurePosixPath(info.path).name == name for info in inside):
            yield self
            return
        for info in inside:
            if info.type == FileType.Directory:
                yield from (self / PurePosixPath(info.path).name).folders_with(name)

    def files(self) -> list[str]:
        """Return the names of all objects in it, relative to it."""
        return list(self.sizes())

    def sizes(self) -> dict[str, int]:
        """Return the name of each object in it, relative to it → its size in bytes, by name."""
        from pyarrow.fs import FileType

        found = [info for info in self._listed(recursive=True) if info.type == FileType.File]
        return {PurePosixPath(info.path).relative_to(self.path).as_posix(): info.size for info in found}

    def read_bytes(self) -> bytes:
        """Return its content, the whole of one version: what is replaced meanwhile is read again.

        Arrow asks for the size first and keeps to it: of a longer version it would return a part, and after a shorter
        one whatever was in memory.

        Raises:
            FileNotFoundError: there is no such object.
        """
        with told_by_store(self):
            version, stream = self._opened()
            for _ in range(_READS):
                content, refusal = _read(stream)
                before = version
                version, stream = self._opened()
                if version == before:
                    if refusal is not None:
                        raise refusal
                    return content
        message = f"{self}: it was replaced each of {_READS} times that it was read. Try again later."
        raise StorageError(message, is_temporary=True)

    def read_immutable(self) -> bytes:
        """Return the content of an object that nobody replaces; this needs one request less than ``read_bytes``.

        Raises:
            FileNotFoundError: there is no such object.
        """
        with told_by_store(self):
            content, refusal = _read(self._opened()[1])
            if refusal is not None:
                raise refusal
        return content

    def _opened(self) -> tuple[_Version, NativeFile]:
        stream = self.filesystem.open_input_file(str(self.path))
        return (stream.size(), stream.metadata()), stream

    def write_bytes(self, data: bytes | memoryview) -> None:
        """Write or replace it: readers see the old object or the new one, never a part."""
        with told_by_store(self, reads=False):
            if len(data) <= _SENT_WHOLE_BYTES:
                self._send(data)
            else:
                self._send_in_parts(data)

    def _send(self, data: bytes | memoryview) -> None:
        with self.filesystem.open_output_stream(str(self.path), compression=None) as stream:
            stream.write(data)

    def _send_in_parts(self, data: bytes | memoryview) -> None:
        """Write it under another name first, and copy that in the store once all parts have arrived."""
        draft = self.parent / f".{self.name}.part"  # one that could not be deleted is written over
        try:
            draft._send(data)
            self.filesystem.copy_file(str(draft.path), str(self.path))
        finally:
            with suppress(OSError):
                self.filesystem.delete_file(str(draft.path))

    def unlink(self) -> None:
        """Delete it; nothing happens if it does not exist."""
        with suppress(FileNotFoundError), told_by_store(self):
            self.filesystem.delete_file(str(self.path))

    def check_writable(self) -> None:
        """Write a small object into it and delete it again.

        Raises:
            StorageError: that is not possible.
        """
        probe = str(self.path / f".probe-{secrets.token_hex(4)}")
        with told_by_store(self, reads=False):
            with self.filesystem.open_output_stream(probe, compression=None) as stream:
                stream.write(b"may this be written?\n")
            self.filesystem.delete_file(probe)

    def _info(self) -> FileInfo:
        with told_by_store(self):
            return self.filesystem.get_file_info(str(self.path))

    def _listed(self, *, recursive: bool) -> list[FileInfo]:
        """Return what is in it, by name. Arrow lists no folders of Google's storage: they follow from the objects."""
        from pyarrow.fs import FileSelector

        is_flat = self.scheme == _FLAT and not recursive
        with told_by_store(self):
            found = self.filesystem.get_file_info(
                FileSelector(str(self.path), allow_not_found=True, recursive=recursive or is_flat)
            )
        return sorted(self._top(found) if is_flat else found, key=lambda info: str(info.path))

    def _top(self, found: list[FileInfo]) -> list[FileInfo]:
        """Return what is directly in it, of all that is in it at any depth."""
        from pyarrow.fs import FileInfo, FileType

        inside = [(PurePosixPath(info.path).relative_to(self.path), info) for info in found]
        folders = {name.parts[0] for name, _ in inside if len(name.parts) > 1}
        files = [info for name, info in inside if len(name.parts) == 1 and name.name not in folders]
        return [*files, *(FileInfo(str(self.path / name), FileType.Directory) for name in folders)]


def _read(stream: NativeFile) -> tuple[bytes, OSError | None]:
    """Return what is read, and why nothing is."""
    try:
        return stream.read(), None
    except OSError as error:
        return b"", error
    except ValueError as error:  # Google's storage closes the stream of a version that is gone
        return b"", OSError(str(error))


Folder = Path | StoredPath
"""Where runs are: a folder of this machine, or of a store."""


def is_address(text: str | os.PathLike[str]) -> bool:
    """Return whether a word is an address of a store, ``s3://bucket/prefix``, or of a file, ``file:///folder``."""
    if not isinstance(text, str):
        return isinstance(text, StoredPath)
    scheme, separator, _ = text.partition(_SEPARATOR)
    return bool(separator) and scheme.isalnum() and "/" not in scheme


def place_of(text: str | os.PathLike[str]) -> Folder:
    """Return the folder that a path or an address names; nothing is asked of a store.

    Raises:
        InvalidValueError: an address of another kind, without a bucket, with credentials or with an unknown option.
    """
    if isinstance(text, StoredPath) or not is_address(text):
        return text if isinstance(text, StoredPath) else Path(text)
    address = str(text)
    found = urlsplit(address)
    if found.scheme == _FILE and not found.netloc:
        return Path(unquote(found.path))
    if found.scheme not in SCHEMES or not found.netloc:
        expected = ", ".join(f"{scheme}://bucket/folder" for scheme in SCHEMES)
        raise InvalidValueError("address", address, f"{expected}, file:///folder, or a path")
    if "@" in found.netloc or found.fragment:
        hidden = f"{found.scheme}://…@{found.netloc.rpartition('@')[2]}{found.path}"
        advice = "Credentials come from variables such as AWS_ACCESS_KEY_ID, or from a profile."
        raise InvalidValueError("address", hidden, "one without credentials and without #", advice)
    path = PurePosixPath(found.netloc, *(part for part in found.path.split("/") if part))
    check_options(found.query)
    return StoredPath(found.scheme, path, found.query)


def stored_place(address: str) -> StoredPath:
    """Return the folder on a store that an address names.

    Raises:
        InvalidValueError: a path, or an address that is not allowed.
    """
    found = place_of(address)
    if isinstance(found, Path):
        raise InvalidValueError("address", address, ", ".join(f"{scheme}://bucket/folder" for scheme in SCHEMES))
    return found
