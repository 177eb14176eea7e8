"""A decider as a program: `python -m tests.replay.decider_program KIND` polls where the environment says.

KIND is `right`, `dollars` (another input), or a number: the exit status with which it ends at once.
"""

from __future__ import annotations

import os
import sys

from tests.replay.playing import client_of, decide, plainly
from tests.replay.test_replay import in_dollars

if __name__ == "__main__":
    kind = sys.argv[1]
    if kind.isdecimal():
        sys.exit(int(kind))
    print("the decider polls", flush=True)
    swf = client_of(os.environ["AWS_ENDPOINT_URL_SWF"])
    once = plainly({"right": decide, "dollars": in_dollars}[kind])
    while True:
        once(swf)
