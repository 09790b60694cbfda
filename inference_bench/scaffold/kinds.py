"""The kinds of models that ``new`` writes."""

from __future__ import annotations

TEXT = "text"
CALL = "call"
KINDS_OF_MODELS = (TEXT, "encoder", "classifier", "seq2seq", "vision", "speech", CALL)
"""The kinds of skeletons; ``call`` has no configuration, the others have a small one each."""
