"""Functions under a span."""

from __future__ import annotations

import functools
import gc
import inspect
import pickle
import traceback

import pytest

from inference_bench._native import span
from tests.span_rows import names, rows


def test_a_decorated_function_is_that_function(recorder):
    @span("f")
    def f(a: int, /, b: str = "x", *args: int, c: float, **kwargs: object) -> tuple:
        """Doc."""
        return a, b, args, c, kwargs

    assert f(1, "y", 2, 3, c=4.0, d=5) == (1, "y", (2, 3), 4.0, {"d": 5})
    assert f(1, c=0) == (1, "x", (), 0, {})
    assert f(*(1,), c=2) == (1, "x", (), 2, {})
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument"):
        f(1)
    assert str(inspect.signature(f)) == (
        "(a: 'int', /, b: 'str' = 'x', *args: 'int', c: 'float', **kwargs: 'object') -> 'tuple'"
    )
    assert (f.__name__, f.__doc__, f.__module__) == ("f", "Doc.", __name__)
    assert f.__qualname__.endswith("<locals>.f")
    assert f.__annotations__["a"] == "int"
    assert inspect.unwrap(f) is f.__wrapped__
    assert inspect.getsource(f).startswith('    @span("f")')
    assert callable(f)
    assert not inspect.iscoroutinefunction(f)
    f.attribute = 7
    assert f.attribute == 7
    with pytest.raises(AttributeError):
        _ = f.nothing
    assert [row["raised"] for row in rows(recorder)] == [0, 0, 0, 1]


def module_level(x):
    return x + 1


module_level = span("module_level")(module_level)


def test_a_decorated_function_is_pickled_by_name():
    assert pickle.loads(pickle.dumps(module_level)) is module_level


def test_methods(recorder):
    class Model:
        @span("method")
        def method(self, x):
            return self, x

        @classmethod
        @span("class method")
        def make(cls):
            return cls

        @staticmethod
        @span("static method")
        def free(x):
            return x

        @property
        @span("property")
        def size(self):
            return 3

    model = Model()
    assert model.method(1) == (model, 1)
    assert Model.method(model, 2) == (model, 2)
    assert Model.make() is Model
    assert model.free(3) == 3
    assert model.size == 3
    assert names(recorder) == {"method": 2, "class method": 1, "static method": 1, "property": 1}


def test_tracebacks_show_the_function_and_nothing_of_ours(recorder):
    @span("raises")
    def raises():
        raise ValueError("boom")

    with pytest.raises(ValueError) as caught:
        raises()
    frames = [frame.name for frame in traceback.extract_tb(caught.tb)]
    assert frames == ["test_tracebacks_show_the_function_and_nothing_of_ours", "raises"]


def test_recursion_is_bounded_as_ever(recorder):
    @span("deep")
    def deep():
        deep()

    with pytest.raises(RecursionError):
        deep()


def test_what_cannot_be_decorated():
    def generator():
        yield

    async def async_generator():
        yield

    for function in (generator, async_generator):
        with pytest.raises(TypeError, match="put a with statement into"):
            span("x")(function)
    for nothing in (7, None, "f", int):
        with pytest.raises(TypeError, match="a span decorates functions; given"):
            span("x")(nothing)
    with pytest.raises(TypeError, match="put it below @staticmethod"):
        span("x")(staticmethod(len))
    with pytest.raises(TypeError):
        span("x")()


def test_builtins_and_partials_are_decorated_too(recorder):
    assert span("len")(len)("abc") == 3
    assert span("partial")(functools.partial(max, 1))(2) == 2
    assert names(recorder) == {"len": 1, "partial": 1}


def test_decorated_functions_are_collected():
    def make():
        @span("cycle")
        def f(): ...

        f.self = f
        return f

    f = make()
    import weakref

    gone = weakref.ref(f)
    del f
    gc.collect()
    assert gone() is None
