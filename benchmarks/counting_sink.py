"""A sink for mails that counts them, and tells one Message-ID from another: smtp-sink of Postfix writes all that it
takes into a pipe, which a process of its own reads.

    python -m benchmarks.counting_sink PIPE
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.delivery import count_listeners
from tests.support.tools import take_port

# Its fixed beginning is found a dozen times as quickly as ^ or letters of any case: the counter is not to take what
# is measured a tenth of the machine.
_MESSAGE_ID = re.compile(rb"\nMessage-ID: (<[^>\r\n]+>)")
_PIPE_BYTES = 1 << 20
_READ_EVERY_S = 0.01
"""Read at each of the sink's writes of 4 kB, a mail would wake the counter a dozen times."""


class Counted(NamedTuple):
    """How many mails there were, how many different Message-IDs, and the sum of their hashes."""

    mails: int
    different: int
    sum: int


def count_ids(message_ids: Iterable[bytes]) -> Counted:
    """Return what these Message-IDs come to."""
    seen: set[int] = set()
    mails = 0
    for message_id in message_ids:
        mails += 1
        seen.add(int.from_bytes(hashlib.blake2b(message_id, digest_size=8).digest()))
    return Counted(mails, len(seen), sum(seen) % (1 << 64))


@dataclass(slots=True)
class CountingSink:
    """A running smtp-sink, and who counts what it takes."""

    port: int
    sink: subprocess.Popen[bytes]
    counter: subprocess.Popen[str]

    @property
    def pids(self) -> set[int]:
        return {self.sink.pid, self.counter.pid}

    def count(self) -> tuple[Counted, float]:
        """Return what was counted, and when the first mail came, in seconds since 1970; nothing is counted any more."""
        said, _ = self.counter.communicate("stop\n", timeout=600)
        found = json.loads(said)
        return Counted(*found["counted"]), found["first_at"]


@contextmanager
def counting_sink(folder: Path) -> Iterator[CountingSink]:
    """Run smtp-sink and its counter until the block ends; their pipe lies in an empty folder."""
    folder.chmod(0o777)
    folder.parent.chmod(0o711)  # smtp-sink is nobody
    pipe = folder / "mails"
    os.mkfifo(pipe)
    pipe.chmod(0o666)
    port = take_port()
    program = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    assert program, "needs smtp-sink, a part of Postfix"
    counter = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.counting_sink", str(pipe)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    sink = subprocess.Popen([program, "-u", "nobody", "-D", str(pipe), f"127.0.0.1:{port}", "1000"])
    try:
        while count_listeners(port) != 1:
            assert sink.poll() is None, "smtp-sink does not start"
            time.sleep(0.05)
        yield CountingSink(port, sink, counter)
    finally:
        for process in (sink, counter):
            process.kill()
            process.wait()


def main() -> None:
    """Read what the sink takes until told to stop; print what it came to."""
    pipe = os.open(sys.argv[1], os.O_RDWR)  # the sink closes it after each mail
    os.set_blocking(pipe, False)
    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    first_at = 0.0

    def read() -> Iterator[bytes]:
        nonlocal first_at
        rest = b"\n"  # the one that ends the line before
        while True:
            ready, _, _ = select.select([pipe, sys.stdin], [], [])
            if pipe in ready:
                first_at = first_at or time.time()
                data = rest + os.read(pipe, _PIPE_BYTES)
                end = data.rfind(b"\n")
                yield from _MESSAGE_ID.findall(data, 0, end)
                rest = data[end:]
                time.sleep(_READ_EVERY_S)
            elif sys.stdin in ready:
                return

    counted = count_ids(read())
    print(json.dumps({"counted": counted, "first_at": first_at}))


if __name__ == "__main__":
    main()
