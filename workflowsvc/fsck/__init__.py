"""Audits a stored database: history is the state, so all other rows can be derived from it again and compared.

Owns the audit and the repair. Events are judged (`workflowsvc.lint`) but never changed; rows that follow from them
are compared, and rebuilt on demand. It must not know the engine, which wrote these rows in the first place, so that
a mistake there is found here; the rules themselves are the core's.
"""

from workflowsvc.fsck.audit import Options, audit, examine
from workflowsvc.fsck.problem import Problem
from workflowsvc.fsck.repair import repair

__all__ = ["Options", "Problem", "audit", "examine", "repair"]
