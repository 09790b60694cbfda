"""Which instructions of this processor a build of llama.cpp does not use."""

from __future__ import annotations

import re
from pathlib import Path

_FLAGS = {
    "avx": "AVX",
    "avx2": "AVX2",
    "fma": "FMA",
    "f16c": "F16C",
    "avx_vnni": "AVX_VNNI",
    "avx512f": "AVX512",
    "avx512_vnni": "AVX512_VNNI",
    "avx512_vbmi": "AVX512_VBMI",
    "avx512_bf16": "AVX512_BF16",
    "amx_int8": "AMX_INT8",
    "asimddp": "DOTPROD",
    "i8mm": "MATMUL_INT8",
    "sve": "SVE",
}
"""Flag of /proc/cpuinfo → its name in ``llama_print_system_info``."""


def unused_flags(system_info: str, cpuinfo: Path = Path("/proc/cpuinfo")) -> list[str]:
    """Return the instruction sets that the processor has and the build does not use; none if unknown."""
    used = set(re.findall(r"(\w+) = 1", system_info))
    try:
        found = re.search(r"^(?:flags|Features)\s*:(.*)$", cpuinfo.read_text(), re.MULTILINE)
    except OSError:
        return []
    has = set(found[1].split()) if found else set()
    return [name for flag, name in _FLAGS.items() if flag in has and name not in used]
