"""Commands in fresh processes: times, memory, exit codes, and what runs around them."""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import pytest

from inference_bench.errors import InferenceBenchError, UsageError
from inference_bench.timing.command import Command, Surroundings, measure_commands
from inference_bench.timing.rounds import RoundLimits
from inference_bench.timing.spawner import Spawner
from inference_bench.units import MIB, NS_PER_MS, NS_PER_S

LIMITS = RoundLimits(least=3, most=3, precision=0.01, budget_ns=NS_PER_S)


@pytest.fixture
def around():
    with Spawner() as spawner:
        yield Surroundings(spawner)


def test_a_command_has_time_processor_time_and_memory(around):
    busy = f"{sys.executable} -S -c 'x = bytearray(64 << 20); sum(range(3_000_000))'"
    found = around.run(busy)

    assert found.user_ns > 10 * NS_PER_MS
    assert found.samples_ns[0] >= 0.5 * (found.user_ns + found.system_ns)
    assert found.peak_rss_bytes > 64 * MIB
    assert around.run("sleep 0.05").samples_ns[0] >= 50 * NS_PER_MS


def test_the_memory_of_this_process_is_not_counted(around):
    held = bytearray(100 * MIB)

    assert around.floor().peak_rss_bytes < 40 * MIB < len(held)


def test_without_a_shell_the_words_are_the_command(around, tmp_path):
    plain = replace(around, shell=())
    plain.run(f"cp /dev/null '{tmp_path}/a b'")

    assert (tmp_path / "a b").exists()
    with pytest.raises(UsageError, match="No closing quotation, expected words as a shell writes them"):
        plain.run("echo 'a")
    with pytest.raises(InferenceBenchError, match="'nowhere-at-all': cannot be started \\(No such file"):
        plain.run("nowhere-at-all 3")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("exit 3", "command 'exit 3': ended with exit code 3, expected exit code 0"),
        ("kill -9 $$", "command 'kill -9 $$': ended by signal 9, expected exit code 0"),
    ],
)
def test_a_failure_names_the_command_and_the_code(around, line, message):
    with pytest.raises(InferenceBenchError) as caught:
        Command(line, around).measure()

    assert str(caught.value).startswith(message)
    assert Command(line, replace(around, ignore_failure=True)).measure().exit_code in (3, -9)


def test_input_and_output_go_where_they_are_sent(around, tmp_path):
    (tmp_path / "in").write_text("read me\n")
    place = str(tmp_path / "out")
    replace(around, source=str(tmp_path / "in"), output=place).run("cat")

    assert (tmp_path / "out").read_text() == "read me\n"
    assert replace(around, output="pipe").run("head -c 1000000 /dev/zero").exit_code == 0


def test_hooks_run_around_the_command_in_their_order(around, tmp_path):
    log = tmp_path / "log"

    def command(name):
        def note(word):
            return f"echo {word}-{name} >> {log}"

        return Command(
            note("run"), around, name, setup=note("setup"), prepare=note("prepare"), cleanup=note("cleanup"),
            conclude=note("conclude"),
        )  # fmt: skip

    limits = replace(LIMITS, least=2, most=2)
    found = measure_commands([command("a"), command("b")], limits, warmups=1)
    around_one = ["prepare", "run", "conclude"]
    begun = [f"{word}-{name}" for name in "ab" for word in ["setup", *around_one]]
    rounds = [f"{word}-{name}" for name in "abba" for word in around_one]
    assert log.read_text().split() == [*begun, *rounds, "cleanup-b", "cleanup-a"]
    assert [list(record.processes) for record in found.records] == [[0, 1], [0, 1]]

    log.unlink()
    measure_commands([command("a"), command("b")], limits, in_blocks=True)
    blocks = [[f"setup-{n}", *[f"{w}-{n}" for w in around_one] * 2, f"cleanup-{n}"] for n in "ab"]
    assert log.read_text().split() == [*blocks[0], *blocks[1]]


def test_a_failing_hook_names_its_option_and_the_clean_up_still_runs(around, tmp_path):
    marker = tmp_path / "cleaned"
    command = Command("true", around, prepare="exit 4", cleanup=f"touch {marker}")

    with pytest.raises(InferenceBenchError, match="--prepare 'exit 4': ended with exit code 4"):
        measure_commands([command], LIMITS)
    assert marker.exists()


def test_what_a_command_leaves_behind_ends_with_the_spawner(tmp_path):
    beats = tmp_path / "beats"
    with Spawner() as spawner:
        Surroundings(spawner).run(f"(while true; do echo x >> {beats}; sleep 0.02; done) &")
        time.sleep(0.1)
    size = beats.stat().st_size
    time.sleep(0.2)

    assert size > 0
    assert beats.stat().st_size == size
