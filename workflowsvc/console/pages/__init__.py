"""The pages of the console: one file for each subject, which lists its pages, actions and downloads as `PAGES`.

Owns the list of all. The first entry whose path matches answers, so a longer path comes before one with a name in its
place.
"""

from __future__ import annotations

from workflowsvc.console.page import Action, Download, Page
from workflowsvc.console.pages import (
    actions,
    batch_start,
    batches,
    domain_settings,
    domains,
    executions,
    exports,
    feed_stream,
    import_file,
    problems,
    run,
    task_lists,
    types,
)

ALL: tuple[Page | Action | Download, ...] = (
    *domains.PAGES,
    *domain_settings.PAGES,
    *executions.PAGES,
    *exports.PAGES,
    *feed_stream.PAGES,
    *batch_start.PAGES,
    *batches.PAGES,
    *task_lists.PAGES,
    *types.PAGES,
    *problems.PAGES,
    *run.PAGES,
    *actions.PAGES,
    *import_file.PAGES,
)
