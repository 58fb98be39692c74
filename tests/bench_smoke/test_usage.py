"""CPU and memory of a process tree, read from the kernel."""

import os
import subprocess
import sys
import time

import pytest

from bench.usage import cpu_seconds, tree, usage

# A parent that does little, a living child that works for a while, and one that worked and ended.
FAMILY = """
import subprocess, sys
work = "import time\\nend = time.process_time() + 0.3\\nwhile time.process_time() < end: pass\\n"
subprocess.run([sys.executable, "-c", work])
wait = "print('ready', flush=True)\\nimport sys; sys.stdin.read()"
child = subprocess.Popen([sys.executable, "-c", work + wait], stdin=subprocess.PIPE)
sys.stdin.read()
child.communicate()
"""


def test_children_count_while_they_live_and_afterwards() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", FAMILY], stdin=pipe, stdout=pipe) as family:
        assert family.stdout is not None
        assert family.stdout.readline() == b"ready\n"
        found = usage(family.pid)
        assert found.processes == 2
        assert found.cpu_seconds == pytest.approx(0.6, abs=0.35)
        assert found.cpu_seconds >= 0.58
        assert found.resident_bytes > 5_000_000
        family.communicate()


def test_own_cpu_agrees_with_the_clock_of_the_process() -> None:
    before, own = cpu_seconds(os.getpid()), time.process_time()
    end = own + 0.2
    while time.process_time() < end:
        pass
    assert cpu_seconds(os.getpid()) - before == pytest.approx(time.process_time() - own, abs=0.05)


def test_the_tree_of_a_process_without_children_is_itself() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert tree(child.pid) == [child.pid]
        child.communicate(b"\n")
