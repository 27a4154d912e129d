"""kill -9 at any moment to processes that claim slots: no more than the limit ever hold, and none is lost."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from mlorch.storage.claims import Claimant, SqlClaims
from mlorch.storage.sql import open_log

CLAIMING = """
import os, sys, time
from pathlib import Path
from mlorch.storage.claims import Claimant, SqlClaims
from mlorch.storage.processes import birth_of
from mlorch.storage.sql import open_log

claims = SqlClaims(open_log(sys.argv[1]).engine)
folder, me = Path(sys.argv[2]), str(os.getpid())
number = 0
while True:
    number += 1
    who = Claimant(me, str(number), "host", os.getpid())
    while not claims.ask(who, {"runs": 2, "tag": 2}, 0, 60, time.time()):
        time.sleep(0.001)
    # Whoever works says so in a file; the others count the files of the living.
    mine = folder / me
    mine.touch()
    living = [name for name in os.listdir(folder) if birth_of(int(name)) is not None]
    print(len(living), flush=True)
    time.sleep(0.002)
    mine.unlink()
    claims.give_back(me, str(number), time.time())
"""


def start(where: str, folder: Path) -> tuple[subprocess.Popen[bytes], Path]:
    told = folder.with_name(f"{random.getrandbits(64)}.txt")
    with told.open("wb") as out:
        command = [sys.executable, "-c", CLAIMING, where, str(folder)]
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT), told


def test_slots_of_killed_processes_are_used_again_and_never_twice(place: str, tmp_path: Path) -> None:
    folder = tmp_path / "working"
    folder.mkdir()
    with closing(open_log(place)) as log:
        processes = [start(place, folder) for _ in range(4)]
        try:
            for process, told in processes[:3]:
                while not told.stat().st_size:
                    assert process.poll() is None
                    time.sleep(0.01)
                time.sleep(random.uniform(0, 0.3))
                process.kill()
                process.wait()
            # The last one goes on, whatever the others held.
            before = processes[3][1].stat().st_size
            while processes[3][1].stat().st_size < before + 40:
                assert processes[3][0].poll() is None
                time.sleep(0.01)
        finally:
            for process, _ in processes:
                process.kill()
                process.wait()
        seen = {int(line) for _, told in processes for line in told.read_text().split("\n")[:-1]}
        assert seen <= {1, 2}
        claims = SqlClaims(log.engine)
        assert claims.ask(Claimant("me", "", "host", 2**30), {"runs": 2, "tag": 2}, 0, 60, time.time())
        assert {one.owner for one in claims.all(time.time())} == {"me"}
