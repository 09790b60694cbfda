"""Recorders over a fork, at the end of the interpreter, and in a sub-interpreter."""

from __future__ import annotations

import threading

from inference_bench import _native
from inference_bench._native import SpanRecorder, mark, span
from tests.children import run_in_child, run_python
from tests.span_rows import names


def test_a_child_of_a_fork_is_stopped_and_may_start_again(recorder):
    mark("parent's")
    backlogged = SpanRecorder(capacity=1, backlog=1_000)

    def check() -> None:
        assert not recorder.running
        assert not _native.recording()
        mark("ignored")
        assert names(recorder) == {"parent's": 1}
        recorder.start()
        with span("child's"):
            pass
        recorder.stop()
        assert names(recorder) == {"child's": 1}
        with backlogged:
            mark("child's")
        assert names(backlogged) == {"child's": 1}

    assert run_in_child(check) == 0
    recorder.stop()
    with backlogged:
        assert run_in_child(lambda: backlogged.drain()) == 0
        mark("parent's")
    assert names(backlogged) == {"parent's": 1}
    assert names(recorder) == {"parent's": 1}


def test_forks_amid_recording_threads():
    recorder = SpanRecorder(mode="overwrite", capacity=10_000)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            with span("busy"):
                pass

    def check() -> None:
        recorder.drain()
        recorder.start()
        mark("child's")
        recorder.stop()
        assert names(recorder) == {"child's": 1}

    with recorder:
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            assert [run_in_child(check) for _ in range(10)] == [0] * 10
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def test_the_interpreter_ends_while_a_recorder_runs():
    code = """
        import atexit, threading
        from inference_bench._native import SpanRecorder, mark, span
        recorder = SpanRecorder(capacity=1, backlog=100_000)
        recorder.start()
        s = span("late")

        class Late:
            def __del__(self):
                with s: pass
                s.begin(); s.end()
                mark("late")

        late = Late()
        late.self = late
        def spin():
            while True:
                with s: pass
        threading.Thread(target=spin, daemon=True).start()
        atexit.register(lambda: s.__enter__())
        s.__enter__()
    """
    for options in ((), ("-X", "dev")):
        done = run_python(code, *options)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_interpreter_ends_after_a_recorder_was_closed():
    code = """
        from inference_bench._native import SpanRecorder, mark, span
        with SpanRecorder() as recorder:
            recorder.close()

        class Late:
            def __del__(self):
                with span("late"): pass
                span("late").begin(); span("late").end()
                mark("late")

        late = Late()
        late.self = late
        import builtins
        builtins.late = late
        del late
    """
    for options in ((), ("-X", "dev")):
        done = run_python(code, *options)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_subinterpreter_is_refused():
    code = """
        import sys
        try:
            import _interpreters as interpreters
            subinterpreter = interpreters.create("legacy")
        except ImportError:
            import _xxsubinterpreters as interpreters
            subinterpreter = interpreters.create(isolated=False)
        from inference_bench import _native
        script = '''
        try:
            from inference_bench import _native
        except ImportError as error:
            assert "interpreter" in str(error), error
        else:
            raise SystemExit("not refused")
        '''
        failed = interpreters.run_string(subinterpreter, f"import sys; sys.path = {sys.path}\\n{script}")
        assert failed is None, failed
    """
    done = run_python(code)
    assert done.returncode == 0, done.stderr
