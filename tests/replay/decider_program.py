"""A decider as a program: `python -m tests.replay.decider_program right|dollars` polls where the environment says.

`dollars` gives an activity another input.
"""

from __future__ import annotations

import os
import sys

from tests.replay.orders import client_of, decide, in_dollars, plainly

if __name__ == "__main__":
    print("the decider polls", flush=True)
    swf = client_of(os.environ["AWS_ENDPOINT_URL_SWF"])
    once = plainly({"right": decide, "dollars": in_dollars}[sys.argv[1]])
    while True:
        once(swf)
