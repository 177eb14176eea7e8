"""Audits a stored database: history is the state, so everything else in it can be derived again and compared.

Owns the audit and the repair. What histories hold is judged (`workflowsvc.lint`) but never changed; what follows
from them is compared, and rebuilt when asked. It must not know the engine, which writes these rows in the first
place, so that a mistake there is seen here; the rules themselves are core's.
"""

from workflowsvc.fsck.audit import Options, Problem, audit, examine
from workflowsvc.fsck.repair import repair

__all__ = ["Options", "Problem", "audit", "examine", "repair"]
