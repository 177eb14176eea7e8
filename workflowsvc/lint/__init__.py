"""An independent judge of SWF histories: which rules of the service does this history break?

Written from docs/spec/swf.md alone. It must not import the service's rules, model, engine or stores, so that a
mistake there cannot hide here; it imports nothing but the standard library and itself.
"""

from workflowsvc.lint.checker import check_growth, check_related, lint_history
from workflowsvc.lint.history import Finding, Limits
from workflowsvc.lint.rules import RULES

__all__ = ["RULES", "Finding", "Limits", "check_growth", "check_related", "lint_history"]
