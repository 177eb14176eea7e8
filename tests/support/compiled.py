"""Compiled modules are kept, also where the environment says PYTHONDONTWRITEBYTECODE: by this process and its children.

Without them each of the hundreds of servers that tests start compiles the package again, for 1.4 s of CPU in place of
0.3 s, and each process of pytest rewrites the assertions of all tests. `tests/conftest.py` imports this module first,
because it concerns every import behind it.
"""

from __future__ import annotations

import os
import sys

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
