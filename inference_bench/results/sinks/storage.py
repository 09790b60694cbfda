"""Object storage: the run copied to an address, such as ``s3://bucket/prefix``, case by case."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from inference_bench.results.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from inference_bench.result import BenchmarkResult, RunRecord

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_PAUSE_PER_TRY = 9
"""After a try that failed, the store is left alone for this many times as long as it took: at most a tenth of a run
waits for a store that accepts requests and never answers."""


class StorageSink(Sink):
    """Copies each case between two measurements, when it has ended; ``--output`` or ``--sink`` names the address.

    A store that does not answer costs no case and little time: the folder on disk has all, and the store gets what it
    lacks after a later case and at the end of the run.
    """

    by_default = False
    address: ClassVar[str] = ""

    def __init__(self, folder: Path) -> None:
        from inference_bench.results.storage import stored_place
        from inference_bench.results.upload import Upload, target_of

        super().__init__(folder)
        self._upload = Upload(folder, target_of(stored_place(self.address), folder.name))
        self._not_before_s, self._pause_s = 0.0, _FIRST_PAUSE_S
        self._missing = ""
        self._is_foreign = False

    @classmethod
    def check(cls) -> None:
        """Write a small object to the address and delete it again.

        Raises:
            UsageError: no address, or one that cannot be written.
        """
        from inference_bench.errors import UsageError
        from inference_bench.results.storage import stored_place

        if not cls.address:
            raise UsageError(f"--sink {cls.name} has no address: give that instead, such as --sink s3://bucket/prefix.")
        stored_place(cls.address).check_writable()

    @property
    def missing(self) -> str:
        """Why the store lacks something that the folder has."""
        return self._missing

    def begin(self, record: RunRecord) -> None:
        """Store what the folder has.

        Raises:
            ForeignRunError: the address holds another run, or more of this one.
        """
        self._try(self._upload.update)
        self._refuse_foreign()

    def write(self, result: BenchmarkResult, record: RunRecord) -> None:
        """Store what the store lacks, unless it refused a moment ago."""
        if time.monotonic() >= self._not_before_s:
            self._try(self._upload.update)

    def catch_up(self) -> str:
        """Store all of the folder, the logs too; return why that is not possible.

        Raises:
            ForeignRunError: the address holds another run, or another process writes this one there.
        """
        self._try(self._upload.complete)
        self._refuse_foreign()
        return self._missing

    def _try(self, store: Callable[[], None]) -> None:
        """Bring the store up to the folder, or note why not, and wait longer before the next try."""
        from inference_bench.errors import InferenceBenchError
        from inference_bench.results.upload import ForeignRunError

        if self._is_foreign:
            return
        begin_s = time.monotonic()
        try:
            store()
        except InferenceBenchError as error:
            self._missing, self._is_foreign = str(error), isinstance(error, ForeignRunError)
            now_s = time.monotonic()
            self._not_before_s = now_s + max(self._pause_s, _PAUSE_PER_TRY * (now_s - begin_s))
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        else:
            self._missing, self._not_before_s, self._pause_s = "", 0.0, _FIRST_PAUSE_S

    def _refuse_foreign(self) -> None:
        """Raise what waiting does not mend.

        Raises:
            ForeignRunError: the address is not this run's.
        """
        from inference_bench.results.upload import ForeignRunError

        if self._is_foreign:
            raise ForeignRunError(self._missing)
