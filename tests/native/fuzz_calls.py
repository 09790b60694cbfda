"""Calls of everything in the native module with wrong arguments, wrong objects and half objects: ``fuzz_calls SEED N``.

The calls may raise what they like. The file LAST in the environment names the present call, for one that crashes.
"""

from __future__ import annotations

import array
import copy
import copyreg
import os
import pickle
import random
import resource
import sys
import types
import warnings
import weakref
from collections.abc import Callable, Generator, Iterator
from typing import Any

import inference_bench._native as _native

MEMORY_BYTES = 6 << 30
# The largest number that these two take means calls without end.
SMALL_NUMBERS = {"loop", "_native_span_cost"}


class Refusing:
    """Raises from every conversion."""

    def __index__(self) -> int:
        raise ZeroDivisionError

    def __float__(self) -> float:
        raise ZeroDivisionError

    def __call__(self, *args: object) -> None:
        raise ZeroDivisionError


class Borrower:
    """A foreign class with the module's descriptors as attributes."""

    span_enter = _native.Span.__enter__
    span_exit = _native.Span.__exit__
    entry_enter = _native.SpanEntry.__enter__
    noop_enter = _native._NoopContext.__enter__
    noop_exit = _native._NoopContext.__exit__


@types.coroutine
def pause() -> Generator[None]:
    yield


async def coroutine_function() -> None:
    """Wrapped by a span into a SpanCoroutine; suspends once."""
    await pause()


def spans() -> Iterator[Any]:
    yield _native.span("fuzz")
    yield _native.span("fuzz", 1)
    yield _native.span("fuzz")(len)
    yield _native.span("fuzz").__enter__
    yield _native.span("fuzz").__exit__
    with _native.SpanRecorder(64) as recorder:
        with _native.span("fuzz"):
            _native.mark("fuzz")
        coroutine = _native.span("fuzz")(coroutine_function)()
        coroutine.send(None)
        yield coroutine
    records = recorder.drain()
    yield from (recorder, records, records.records(), records.spans(), _native.Mark("fuzz"), _native._NoopContext())


def numbers() -> Iterator[Any]:
    ticks = _native.TickRecorder(4)
    ticks.tick()
    histogram = _native.Histogram()
    histogram.observe(0.1)
    yield from (ticks, ticks.nanoseconds(), ticks.nanoseconds().obj, histogram, histogram.read())
    yield from (_native.Counter(), _native.Gauge(), _native.loop(len, 2, args=((),)))


def probes() -> Iterator[Any]:
    thread, system = _native.ThreadCounters(), _native.SystemCounters()
    yield from (thread, system, thread.read(), system.read())
    yield _native.MemorySampler(interval_ns=10_000_000, capacity=64)
    yield _native.Pacer.trace([0, 0])
    yield _native.HttpLoad("127.0.0.1", 9, [b"GET / HTTP/1.1\r\n\r\n"], offsets_ns=[0], timeout_ns=1_000_000)


def whole_objects() -> list[Any]:
    """At least one object of each class that can be made without a GPU."""
    return [*spans(), *numbers(), *probes()]


def native_types(objects: list[Any]) -> list[type]:
    """The classes of the module, of its objects, their bases and the descriptors in them."""
    found = {value for value in vars(_native).values() if isinstance(value, type)}
    found |= {type(one) for one in objects}
    found |= {type(value) for kind in found for value in vars(kind).values() if "_native" in type(value).__module__}
    found |= {base for kind in found for base in kind.__mro__ if base is not object}
    return sorted(found, key=lambda kind: (kind.__module__, kind.__qualname__))


LARGE = [2**40, 2**63 - 1, 2**63, 2**64, 2**200, -(2**63), -(2**63) - 1]
SMALL = [0, 1, -1, 2, 7, 10, 64, 255, 1000, True]
PLAIN: list[Any] = [
    *(
        None,
        "",
        "fuzz",
        "overwrite",
        "\ud800",
        "a\0b",
        "x" * 5000,
        b"",
        b"HISTFAAAA",
        b"\xff" * 40,
        ...,
        NotImplemented,
    ),
    *(0.0, -0.0, 0.5, 1e-300, 1e300, float("nan"), float("inf"), 1j, (), (1, 2), [], [0, 1], [2**63], {}, {"a": 1}),
    *(array.array("q", [0, 1]), array.array("Q", [1, 2, 3]), array.array("d", [1.0]), memoryview(b"abc")[::2]),
    *(memoryview(array.array("Q", range(8)))[::2], Refusing(), len, int, object, object(), ValueError, ValueError("x")),
]
KEYWORDS = [
    "capacity",
    "mode",
    "backlog",
    "interval_ns",
    "bits",
    "highest_ns",
    "args",
    "each",
    "warmup",
    "seed",
    "self",
]


class Fuzzer:
    """Draws calls. The whole objects are made anew now and then, since calls use them up."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.objects = whole_objects()
        self.types = native_types(self.objects)
        self.functions = [value for name, value in vars(_native).items() if callable(value)]
        self.members = [(kind, name) for kind in self.types for name in dir(kind)]

    def anything(self, small: bool = False) -> Any:
        pools: list[list[Any]] = [PLAIN, SMALL, SMALL if small else LARGE, self.objects, self.types, self.functions]
        return self.random.choice(self.random.choice(pools[:4] if small else pools))

    def arguments(self, small: bool = False) -> list[Any]:
        return [self.anything(small) for _ in range(self.random.choice([0, 0, 1, 1, 2, 3, 4]))]

    def keywords(self, small: bool = False) -> dict[str, Any]:
        names = self.random.sample(KEYWORDS, self.random.choice([0, 0, 0, 1, 2]))
        return {name: self.anything(small) for name in names}

    def object_for(self, kind: type) -> Any:
        own = [one for one in self.objects if isinstance(one, kind)]
        return self.random.choice(own) if own and self.random.random() < 0.7 else self.anything()

    def call_function(self) -> tuple[str, Callable[[], object]]:
        function = self.random.choice(self.functions)
        name = getattr(function, "__name__", "")
        small = name in SMALL_NUMBERS
        arguments, keywords = self.arguments(small), self.keywords(small)
        if name == "loop":  # its callables come from the pool, and some of them are not to be called in a row
            arguments[:1] = [self.random.choice([len, Refusing(), None, int])]
        return f"{name}{arguments!r:.300} {keywords!r:.200}", lambda: function(*arguments, **keywords)

    def call_member(self) -> tuple[str, Callable[[], object]]:
        kind, name = self.random.choice(self.members)
        one, arguments, keywords = self.object_for(kind), self.arguments(), self.keywords()
        unbound = self.random.random() < 0.5

        def call() -> None:
            member = getattr(kind if unbound else one, name)
            raw = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)
            if isinstance(raw, property):
                raw.fget and raw.fget(one)
            elif hasattr(raw, "__get__"):
                raw.__get__(one, kind)
            member(*([one] if unbound else []), *arguments, **keywords)

        return f"{kind.__qualname__}.{name} of {type(one)} {arguments!r:.300} {keywords!r:.200}", call

    def use_protocol(self) -> tuple[str, Callable[[], object]]:
        kind, one, other = self.random.choice(self.types), self.object_for(object), self.anything()
        protocol = self.random.randrange(6)
        uses: dict[str, Callable[[], object]] = {
            "new": lambda: kind.__new__(kind),
            "new of another": lambda: kind.__new__(self.random.choice(self.types)),
            "object.__new__": lambda: object.__new__(kind),
            "construct": lambda: kind(*self.arguments(), **self.keywords()),
            "init again": lambda: one.__init__(*self.arguments()),
            "inherit": lambda: type("Heir", (kind,), {})(),
            "metaclass": lambda: type(kind)("Other", (), {})(),
            "copy": lambda: copy.copy(one),
            "deepcopy": lambda: copy.deepcopy(one),
            "pickle": lambda: pickle.loads(pickle.dumps(one, protocol)),
            "reduce": lambda: one.__reduce_ex__(protocol),
            "object.__reduce__": lambda: object.__reduce__(one),
            "copyreg": lambda: copyreg._reduce_ex(one, protocol % 2),  # type: ignore[attr-defined]
            "reconstruct": lambda: copyreg._reconstructor(kind, object, None),  # type: ignore[attr-defined]
            "class": lambda: setattr(one, "__class__", kind),
            "set": lambda: setattr(kind, self.random.choice(dir(kind)), other),
            "delete": lambda: delattr(kind, self.random.choice(dir(kind))),
            "borrow": lambda: [getattr(Borrower(), name) for name in dir(Borrower)],
            "compare": lambda: [one == other, one < other],
            "add": lambda: [one + other, one - other],
            "sizes": lambda: [len(one), bytes(one), memoryview(one), hash(one)],
            "step": lambda: [iter(one), next(one)],
            "text": lambda: [repr(one), str(one), dir(one)],
            "weak": lambda: weakref.ref(one)(),
        }
        if kind in (type, object) or one is Borrower:
            return "nothing", lambda: None
        name = self.random.choice(list(uses))
        return f"{name}: {kind} {type(one)} {other!r:.200}", uses[name]

    def draw(self) -> tuple[str, Callable[[], object]]:
        if self.random.random() < 0.01:
            for one in self.objects:
                if isinstance(one, _native.SpanRecorder):  # only one can run
                    one.close()
            self.objects = whole_objects()
        return self.random.choice([self.call_function, self.call_member, self.call_member, self.use_protocol])()


def main(seed: int, calls: int) -> None:
    """Make the calls and write how many returned and how many raised."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    warnings.simplefilter("ignore")
    last = os.open(os.environ["LAST"], os.O_WRONLY | os.O_CREAT)
    fuzzer = Fuzzer(seed)
    counts = {"returned": 0, "raised": 0}
    for _ in range(calls):
        described, call = fuzzer.draw()
        os.pwrite(last, described.encode(errors="replace").ljust(1200)[:1200], 0)
        try:
            call()
        except BaseException:
            counts["raised"] += 1
        else:
            counts["returned"] += 1
    print(counts)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
