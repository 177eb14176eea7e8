"""`workflowsvc domains NAME`: what is known of one domain."""

from __future__ import annotations

import re

from tests.command_line.conftest import Run


def test_rules_of_retention_and_the_feed_are_shown(run: Run, domain: str) -> None:
    plain = run("domains", domain)
    assert "CLOSED AS" not in plain.out
    run("retention", "set", "--domain", domain, "--type", "payment", "--forever")
    run("feed", "on", domain)
    shown = run("domains", domain)
    assert re.search(r"payment\s+any\s+for ever", shown.out)
    assert "Its event feed is on." in shown.out
    (data,) = run("domains", domain, "--json").objects
    assert data["retention"]["rules"][0]["forever"] is True
    assert data["feed"]["status"] == "ON"
    assert data["domainInfo"]["name"] == domain
