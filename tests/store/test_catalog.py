"""Contract tests of the stores: domains, types and facts of the installation (SWF §11)."""

from __future__ import annotations

import pytest

from tests.store.rows import DOMAIN, domain_row, type_row
from workflowsvc.store.errors import Conflict
from workflowsvc.store.interface import Store
from workflowsvc.store.rows import DomainRow, TypeRow


def put_domains(store: Store, *rows: DomainRow) -> None:
    with store.transaction() as tx:
        for row in rows:
            tx.put_domain(row)


def put_types(store: Store, *rows: TypeRow) -> None:
    with store.transaction() as tx:
        for row in rows:
            tx.put_type(row)


def test_an_empty_store_knows_no_domain(store: Store) -> None:
    with store.reader() as reader:
        assert reader.domain("tenant", "orders") is None
        assert reader.domains_by_id([1, 2]) == {}
        assert reader.domains_by_id([]) == {}
        assert reader.domains("tenant", "REGISTERED", None, 100, descending=False) == []
        assert reader.count_domains("tenant") == 0


def test_a_domain_is_found_by_name_and_by_id_as_it_was_put(store: Store) -> None:
    row = domain_row(description="all \0 orders", tags=b'{"team":"blue"}')
    put_domains(store, row)
    with store.reader() as reader:
        assert reader.domain("tenant", "orders") == row
        assert reader.domains_by_id([DOMAIN, 99]) == {DOMAIN: row}


def test_a_domain_put_again_is_replaced_whole(store: Store) -> None:
    put_domains(store, domain_row(description="old"))
    changed = domain_row(status="DEPRECATED", tags=b'{"a":"b"}', retention="NONE")
    put_domains(store, changed)
    with store.reader() as reader:
        assert reader.domain("tenant", "orders") == changed
        assert reader.count_domains("tenant") == 1


def test_two_domains_of_one_tenant_cannot_have_one_name(store: Store) -> None:
    put_domains(store, domain_row(id=1))
    with pytest.raises(Conflict), store.transaction() as tx:
        tx.put_domain(domain_row(id=2))
    with store.reader() as reader:
        assert reader.domain("tenant", "orders") == domain_row(id=1)


def test_tenants_do_not_see_each_others_domains(store: Store) -> None:
    put_domains(store, domain_row(id=1), domain_row(id=2, tenant="other"))
    with store.reader() as reader:
        assert reader.domain("other", "orders") == domain_row(id=2, tenant="other")
        assert reader.domains("tenant", "REGISTERED", None, 100, descending=False) == [domain_row(id=1)]
        assert reader.count_domains("tenant") == 1


NAMES = ["Zebra", "alpha", "beta", "gamma", "Österreich", "日本", "\U0001f600"]
IN_ORDER = sorted(NAMES)  # by code point


@pytest.mark.parametrize("descending", [False, True])
def test_domains_are_listed_by_name_page_after_page(store: Store, descending: bool) -> None:
    put_domains(store, *(domain_row(id=n, name=name) for n, name in enumerate(NAMES, 1)))
    put_domains(store, domain_row(id=99, name="deprecated", status="DEPRECATED"))
    seen: list[str] = []
    with store.reader() as reader:
        while True:
            after = seen[-1] if seen else None
            page = reader.domains("tenant", "REGISTERED", after, 2, descending)
            assert len(page) <= 2
            seen += [row.name for row in page]
            if not page:
                break
        deprecated = reader.domains("tenant", "DEPRECATED", None, 100, descending)
    assert seen == (IN_ORDER[::-1] if descending else IN_ORDER)
    assert [row.name for row in deprecated] == ["deprecated"]


def test_a_type_is_found_by_its_whole_key_as_it_was_put(store: Store) -> None:
    row = type_row(description="d\0d", defaults=b'{"defaultTaskPriority":"3"}')
    put_types(store, row)
    with store.reader() as reader:
        assert reader.type(DOMAIN, "workflow", "Order", "1.0") == row
        assert reader.type(DOMAIN, "activity", "Order", "1.0") is None
        assert reader.type(DOMAIN, "workflow", "Order", "2.0") is None
        assert reader.type(DOMAIN, "workflow", "order", "1.0") is None
        assert reader.type(8, "workflow", "Order", "1.0") is None


def test_a_type_put_again_is_replaced_whole(store: Store) -> None:
    put_types(store, type_row(description="old"))
    changed = type_row(status="DEPRECATED", deprecated_at=5000, created_at=6000, defaults=b"{ }")
    put_types(store, changed)
    with store.reader() as reader:
        assert reader.type(DOMAIN, "workflow", "Order", "1.0") == changed
        assert reader.count_types(DOMAIN, "workflow") == 1


def test_a_deleted_type_is_gone_and_can_be_put_again(store: Store) -> None:
    put_types(store, type_row(), type_row(version="2.0"))
    with store.transaction() as tx:
        tx.delete_type(DOMAIN, "workflow", "Order", "1.0")
        tx.delete_type(DOMAIN, "workflow", "Nobody", "1.0")
        assert tx.type(DOMAIN, "workflow", "Order", "1.0") is None
        assert tx.count_types(DOMAIN, "workflow") == 1
        tx.put_type(type_row())
    with store.reader() as reader:
        assert reader.type(DOMAIN, "workflow", "Order", "1.0") == type_row()


def test_deprecating_all_types_touches_the_registered_ones_of_this_domain_only(store: Store) -> None:
    early = type_row(version="0.9", status="DEPRECATED", deprecated_at=10)
    elsewhere = type_row(domain=8)
    put_types(store, type_row(), type_row(kind="activity"), early, elsewhere)
    with store.transaction() as tx:
        tx.deprecate_types(DOMAIN, 7777)
    with store.reader() as reader:
        assert reader.type(DOMAIN, "workflow", "Order", "0.9") == early
        assert reader.type(8, "workflow", "Order", "1.0") == elsewhere
        for kind in ("workflow", "activity"):
            row = reader.type(DOMAIN, kind, "Order", "1.0")
            assert row == type_row(kind=kind, status="DEPRECATED", deprecated_at=7777)


TYPES = [("B", "1"), ("B", "10"), ("B", "2"), ("a", "1"), ("a", "Ω"), ("b", "1")]  # in order


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("name", [None, "B", "a", "nobody"])
def test_types_are_listed_by_name_and_version_page_after_page(
    store: Store, name: str | None, descending: bool
) -> None:
    put_types(store, *(type_row(name=n, version=v) for n, v in reversed(TYPES)))
    put_types(store, type_row(name="B", version="9", status="DEPRECATED"), type_row(domain=8))
    put_types(store, type_row(kind="activity", name="B", version="1"))
    seen: list[tuple[str, str]] = []
    with store.reader() as reader:
        while True:
            after = seen[-1] if seen else None
            page = reader.types(DOMAIN, "workflow", "REGISTERED", name, after, 2, descending)
            assert len(page) <= 2
            seen += [(row.name, row.version) for row in page]
            if not page:
                break
        deprecated = reader.types(DOMAIN, "workflow", "DEPRECATED", None, None, 100, descending)
        assert reader.count_types(DOMAIN, "workflow") == len(TYPES) + 1
    wanted = [key for key in TYPES if name in (None, key[0])]
    assert seen == (wanted[::-1] if descending else wanted)
    assert [(row.name, row.version) for row in deprecated] == [("B", "9")]


def test_a_fact_is_kept_under_its_key_and_replaced(store: Store) -> None:
    with store.transaction() as tx:
        assert tx.meta("key") is None
        tx.put_meta("key", b"\0\xff")
        assert tx.meta("key") == b"\0\xff"
        tx.put_meta("key", b"")
    with store.reader() as reader:
        assert reader.meta("key") == b""
        assert reader.meta("other") is None


def test_facts_are_listed_by_key_from_one_up_to_another(store: Store) -> None:
    with store.transaction() as tx:
        for key in ("node b", "node a", "node", "node!", "nodes", "node c"):
            tx.put_meta(key, key.encode())
    with store.reader() as reader:
        assert reader.metas("node ", "node!", 10) == [
            ("node a", b"node a"),
            ("node b", b"node b"),
            ("node c", b"node c"),
        ]
        assert [key for key, _ in reader.metas("node ", "node!", 2)] == ["node a", "node b"]
        assert reader.metas("x", "y", 10) == []


def test_a_fact_can_be_deleted(store: Store) -> None:
    with store.transaction() as tx:
        tx.put_meta("key", b"value")
        tx.put_meta("other", b"value")
    with store.transaction() as tx:
        tx.delete_meta("key")
        tx.delete_meta("none")
    with store.reader() as reader:
        assert reader.meta("key") is None
        assert reader.meta("other") == b"value"
