"""`python -m workflowsvc` is `workflowsvc`."""

import sys

from workflowsvc.cli import main

if __name__ == "__main__":
    sys.exit(main())
