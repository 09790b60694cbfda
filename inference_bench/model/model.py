"""The interface of a model: a plugin that can load, infer and unload.

A model is one subclass of ``Model`` in ``models/<name>/model.py``. The file imports ``inference_bench`` and the
standard library only; its framework is imported inside ``load``.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from inference_bench.errors import NotApplicableError, UnknownNameError
from inference_bench.model.weights.references import names_place
from inference_bench.spec import OWN_ENGINE

if TYPE_CHECKING:
    from inference_bench.model.interfaces import (
        BatchGenerator,
        LoadServer,
        TextEncoder,
        TextGenerator,
        TextScorer,
        TextServer,
    )
    from inference_bench.model.load_steps import LoadSteps
    from inference_bench.model.weights.cache import Progress
    from inference_bench.model.weights.references import HubWeights, PackageWeights, ResolvedWeights
    from inference_bench.plan import Case
    from inference_bench.spec import Axis, Setup


class Ability(NamedTuple):
    """Something that a model can do.

    Attributes:
        method: the method of ``Model`` that provides it.
        words: what stands after "can" in a sentence.
        reads_text: whether its inputs are texts, which have a length.
    """

    method: str
    words: str
    reads_text: bool = True


ABILITIES = {
    "generate": Ability("generator", "generate text"),
    "serve": Ability("load_server", "serve requests"),
    "score": Ability("scorer", "score text"),
    "encode": Ability("encoder", "encode text"),
    "call": Ability("call", "be called", reads_text=False),
}
"""What a model can do, by name."""

_SOURCES = ("local", "hub", "package")
"""Attributes of a model that name a source of its weights."""

ELEMENT_BYTES: dict[str, float] = {
    "float32": 4,
    "bfloat16": 2,
    "float16": 2,
    "int8_dynamic": 4,
    "int8": 1,
    "int4": 0.5625,
    "q8_0": 1.0625,
    "q4_0": 0.5625,
    "q4_1": 0.625,
    "q4_k_m": 0.6,
    "as_stored": 2,
}
"""Bytes per parameter. ``int8_dynamic`` is loaded as float32 and then quantised, so this is its peak.

Of llama.cpp's blocks of 32 (ggml-common.h): q8_0 34 bytes, q4_0 18, q4_1 20; q4_k_m mixes blocks of 4.5 and 6.6 bits.
int4 by blocks of 32 with a scale of 2 bytes. As stored: unknown before the file is read, so as of 16 bits.
"""


class Model:
    """A model. Class attributes describe it without importing its framework.

    The least that a model needs is ``inputs`` and ``call``, which any function, network or session can fill; a model of
    text has ``generator``, ``scorer`` or ``encoder`` instead.

    Class attributes:
        name: folder name, set on discovery.
        title: heading in reports.
        description: one line for ``list``.
        license: SPDX name of the weights' licence.
        parameters: number of parameters of the full model; 0 if they do not lie in this machine's memory.
        published_dtype: dtype of the published weights.
        min_input_length: tokens of the shortest prompt.
        max_input_length: most tokens of a prompt together with its new tokens; a model that reads no text has none.
        call_axes: the axes of ``inputs`` with their defaults, such as ``Axis("image_size", (224,))``. A model that
            takes several items at once has an axis ``batch_size``.
        devices: kinds of device that it runs on.
        dtypes: the dtypes of ``spec.DTYPES`` that it supports.
        local: folder or GGUF file with its trained weights, which ``--weights auto`` takes; ``~`` is the home folder,
            and a relative path begins at the folder of the model's file.
        hub, package: further sources of trained weights.
        tokenized: False if its own weights have no tokenizer: it cannot be asked questions.
        needs_weights: False if there is nothing to fetch; unless stated, whether it has a source of weights.
        takes_weights: whether ``load`` reads the weights that ``--weights PATH`` names; unless stated, those that need
            weights do, and those with a ``load`` of their own that do not state ``needs_weights = False``.
        requires: modules of its framework; a run is refused before anything starts where one is not installed.
        install: the requirements that bring them, if they are none that this project uses.
        abilities: names of ``ABILITIES``; unless stated, those whose method it has. A benchmark that needs another one
            does not apply.
        in_process: False if it computes in processes that it starts, whose memory is not measured.
        runs_here: False if a server elsewhere runs it: then no set-up concerns it but the seed, and it never loads
            while something is measured.
        engine: the engine that its own class runs on, a name of ``list engines``; ``auto`` for none of them.
        parks: whether ``load`` calls ``steps.park()`` before it uses the device, so that it can load ahead while
            another model is measured.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    description: ClassVar[str] = ""
    license: ClassVar[str] = ""
    parameters: ClassVar[int] = 0
    published_dtype: ClassVar[str] = "float32"
    min_input_length: ClassVar[int] = 1
    max_input_length: ClassVar[int] = 0
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    dtypes: ClassVar[tuple[str, ...]] = ("float32", "bfloat16", "float16")
    local: ClassVar[str] = ""
    hub: ClassVar[HubWeights | None] = None
    package: ClassVar[PackageWeights | None] = None
    needs_weights: ClassVar[bool] = False
    takes_weights: ClassVar[bool] = False
    tokenized: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[tuple[str, ...]] = ()
    abilities: ClassVar[tuple[str, ...]] = ()
    call_axes: ClassVar[tuple[Axis, ...]] = ()
    runs_here: ClassVar[bool] = True
    parks: ClassVar[bool] = False
    in_process: ClassVar[bool] = True
    engine: ClassVar[str] = OWN_ENGINE

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = vars(cls)
        if "abilities" not in own:
            cls.abilities = tuple(name for name in ABILITIES if name in cls.abilities or _provides(cls, name))
        if "needs_weights" not in own and not own.keys().isdisjoint(_SOURCES):
            cls.needs_weights = bool(cls.local or cls.hub or cls.package)
        if "takes_weights" not in own and not own.keys().isdisjoint(("load", "needs_weights", *_SOURCES)):
            cls.takes_weights = cls.needs_weights or ("needs_weights" not in own and cls.load is not Model.load)

    def load(self, setup: Setup, weights: ResolvedWeights, steps: LoadSteps) -> None:
        """Load the model until it is ready for its first call, each part under ``steps.step(name)``."""

    def unload(self) -> None:
        """Release everything that ``load`` acquired."""

    @classmethod
    def reference_class(cls) -> type[Model]:
        """Return the class of the reference that agreement is with: the model's own, also where an engine runs it."""
        return cls

    @classmethod
    def converted(cls, weights: ResolvedWeights, setup: Setup, progress: Progress) -> ResolvedWeights:
        """Return weights with what ``load`` reads of them, converted before anything is timed. Blocks.

        Raises:
            WeightsError: they cannot be converted.
        """
        return weights

    def inputs(self, case: Case) -> object:
        """Return the inputs of one call, as one object, outside of any timing; None unless the model has its own.

        Args:
            case: its ``parameters`` have a value for each of ``call_axes``; its ``setup.seed`` differs between inputs
                that should differ.
        """
        return None

    def call(self, inputs: object) -> object:
        """Run the model once and return its outputs; each benchmark waits for the GPU after it.

        Outputs are compared between set-ups if they are arrays, tensors or numbers, alone or in lists, tuples, mappings
        and dataclasses.

        Raises:
            NotApplicableError: this model has another interface.
        """
        raise NotApplicableError(f"{self.name} cannot be called")

    def generator(self) -> TextGenerator:
        """Return the loaded model's generator.

        Raises:
            NotApplicableError: this model does not generate text.
        """
        raise NotApplicableError(f"{self.name} does not generate text")

    def batch_generator(self) -> BatchGenerator:
        """Return the loaded model's generator of several sequences at once.

        Raises:
            NotApplicableError: this model does not generate text in batches.
        """
        raise NotApplicableError(f"{self.name} does not generate text in batches")

    def server(self, max_batch_size: int) -> TextServer:
        """Return the loaded model's own server of concurrent requests.

        A model without one that generates in batches is served by ``benchmarks._batcher.Batcher``.

        Args:
            max_batch_size: most requests in one batch.

        Raises:
            NotApplicableError: this model has no server of its own.
        """
        raise NotApplicableError(f"{self.name} has no server of its own")

    def load_server(self, api: str = "chat") -> LoadServer:
        """Return what carries out whole loads by itself, such as the client of a server elsewhere.

        Args:
            api: which of OpenAI's interfaces requests are sent to, ``chat`` or ``completions``.

        Raises:
            NotApplicableError: this model does not; its ``server`` or its batches are sent the requests one by one.
        """
        raise NotApplicableError(f"{self.name} does not serve requests by itself")

    def encoder(self) -> TextEncoder:
        """Return the loaded model's encoder.

        Raises:
            NotApplicableError: this model does not encode text.
        """
        raise NotApplicableError(f"{self.name} does not encode text")

    @classmethod
    def local_path(cls) -> Path | None:
        """Return the absolute path of ``local``, whether or not it exists; None if none is declared."""
        if not cls.local:
            return None
        path = Path(cls.local).expanduser()
        return path if path.is_absolute() else Path(inspect.getfile(cls)).parent / path

    @classmethod
    def loads_weights(cls, source: str) -> bool:
        """Return whether ``load`` gets weights for this value of ``--weights``; if not, it gets none."""
        return cls.needs_weights or (cls.takes_weights and names_place(source))

    @classmethod
    def memory_bytes(cls, dtype: str) -> int:
        """Return the peak bytes of the full model's parameters while it loads in this dtype.

        Raises:
            UnknownNameError: no such dtype.
        """
        if dtype not in ELEMENT_BYTES:
            raise UnknownNameError("dtype", dtype, ELEMENT_BYTES)
        return round(cls.parameters * ELEMENT_BYTES[dtype])

    @classmethod
    def require(cls, ability: str) -> None:
        """Refuse a benchmark that needs an ability that this model does not have.

        Raises:
            NotApplicableError: the model does not have it.
        """
        if ability not in cls.abilities:
            able = ", ".join(ABILITIES[name].words for name in cls.abilities) or "do nothing yet"
            raise NotApplicableError(f"{cls.name} cannot {ABILITIES[ability].words}; it can {able}")

    @classmethod
    def require_served(cls) -> None:
        """Refuse loads where nothing would serve them.

        Raises:
            NotApplicableError: it neither serves by itself nor generates.
        """
        cls.require("serve" if "serve" in cls.abilities else "generate")

    @classmethod
    def reads_text(cls) -> bool:
        """Return whether its inputs are texts, which have a length."""
        return any(ABILITIES[name].reads_text for name in cls.abilities)

    def scorer(self) -> TextScorer:
        """Return the loaded model's scorer.

        Raises:
            NotApplicableError: this model does not score text.
        """
        raise NotApplicableError(f"{self.name} does not score text")

    def torch_network(self) -> Any | None:
        """Return the loaded ``torch.nn.Module`` whose parts a breakdown tells apart; None if there is none.

        Unless a model says otherwise, it is the first of its attributes that is one. Never imports torch.
        """
        torch = sys.modules.get("torch")
        return next((each for each in vars(self).values() if torch and isinstance(each, torch.nn.Module)), None)

    def describe(self) -> dict[str, object]:
        """Return facts known only after loading: exact parameter count, bytes of weights, framework settings."""
        return {}


def _provides(model: type[Model], ability: str) -> bool:
    """Return whether a class, or what it mixes in, has the method of an ability itself."""
    own = [model, *(base for base in model.__mro__[1:] if not issubclass(base, Model) and base is not object)]
    return any(ABILITIES[ability].method in vars(base) for base in own)
