"""Work that a GPU still does after the call that began it has returned."""

from __future__ import annotations

import sys
from collections.abc import Callable


def device_synchronisation() -> Callable[[], object] | None:
    """Return what waits for the current GPU to finish; None unless this process has used one by torch.

    Never imports torch: a process that has not done so has begun no work by it.
    """
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is None or not cuda.is_initialized():
        return None
    synchronise: Callable[[], object] = cuda.synchronize
    return synchronise
