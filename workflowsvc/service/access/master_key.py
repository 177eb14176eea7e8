"""The master key of an installation: which one it is, and sealing new secrets with it.

Owns the row that names the master key, so that a missing or foreign one is told apart. The row comes with the first
secret. A node may have several master keys while they are being replaced; the row says which one new secrets get.
"""

from __future__ import annotations

from collections.abc import Sequence

from workflowsvc.access.secrets import MasterKey, MasterKeyError, RandomBytes, Sealed
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import OperationNotPermittedFault
from workflowsvc.service.access import records
from workflowsvc.service.access.records import MasterRecord
from workflowsvc.store.interface import Reader, Transaction

HOW_TO_GIVE_ONE = "give it with --master-key-file FILE or WORKFLOWSVC_MASTER_KEY"


def seal(work: UnitOfWork, secret: str, account: str, key_id: str, *, what: str = "access key") -> Sealed:
    """The secret, encrypted. OperationNotPermittedFault when this node has no master key, or not the right one."""
    try:
        return seal_with(
            work.tx, work.state.access.master_keys, secret, account, key_id, work.state.ids.random_bytes
        )
    except MasterKeyError as error:
        raise OperationNotPermittedFault(f"No {what} can be made: {error}") from error


def seal_with(
    tx: Transaction,
    keys: Sequence[MasterKey],
    secret: str,
    account: str,
    key_id: str,
    random_bytes: RandomBytes,
) -> Sealed:
    """As `seal`; MasterKeyError. Writes the row that names the master key with the first secret."""
    found = records.master_of(tx)
    if not keys:
        raise MasterKeyError(no_master_key(found))
    key = keys[0] if found is None else require_key(keys, found.id)
    sealed = key.seal(secret.encode(), account, key_id, random_bytes)
    if found is None:
        put_master(tx, key)
    return sealed


def put_master(tx: Transaction, key: MasterKey) -> None:
    """New secrets are encrypted with this key from now on."""
    tx.put_meta(records.MASTER, records.encode(MasterRecord(key.id)))


def require_key(keys: Sequence[MasterKey], key_id: str) -> MasterKey:
    """The one with this id. MasterKeyError, which says what to do, when it is not among them."""
    for key in keys:
        if key.id == key_id:
            return key
    given = ", ".join(key.id for key in keys)
    raise MasterKeyError(
        f"the secrets of this installation are encrypted with the master key {key_id}, and {given} was given; "
        "give the right one, or see docs/access.md for what to do when it is lost"
    )


def open_sealed(keys: Sequence[MasterKey], sealed: Sealed, account: str, key_id: str) -> str:
    """A stored secret. MasterKeyError, which says what to do, when it cannot be read."""
    if not keys:
        raise MasterKeyError(no_master_key(MasterRecord(sealed.master)))
    return require_key(keys, sealed.master).open(sealed, account, key_id).decode()


def no_master_key(found: MasterRecord | None) -> str:
    """Why nothing can be encrypted or read without a master key, and what to do."""
    if found is None:
        return f"there is no master key; make one with `workflowsvc access master-key FILE` and {HOW_TO_GIVE_ONE}"
    return (
        f"the secrets of this installation are encrypted with the master key {found.id}, which was not given; "
        f"{HOW_TO_GIVE_ONE}"
    )


def refuse_wrong_master_key(reader: Reader, keys: Sequence[MasterKey]) -> None:
    """MasterKeyError when the stored secrets cannot be read with these keys."""
    found = records.master_of(reader)
    if found is None:
        return
    if not keys:
        raise MasterKeyError(no_master_key(found))
    require_key(keys, found.id)
