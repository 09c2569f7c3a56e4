"""Authenticate: logging in, and choosing among the companies one user sees."""

from __future__ import annotations

from sandbox.tfso.config import IdentityConfig
from sandbox.tfso.failures import SoapFault
from sandbox.tfso.state import Call, Handler
from sandbox.tfso.values import Record

WRONG_CREDENTIALS = "Authentication failed: unknown user name, password or application."


def login(call: Call, arguments: Record) -> str:
    """A session id, or an empty string for wrong credentials (the vendor's own description)."""
    credential = arguments.get("credential", {})
    call.sandbox.throttle_login(credential.get("Username", ""))
    identity = None
    if _is_right(call, credential):
        identity = call.sandbox.identity(credential.get("IdentityId"))
    if identity is None:
        if call.sandbox.config.failed_login_is_fault:
            raise SoapFault(WRONG_CREDENTIALS)
        return ""
    session = call.sandbox.open_session(identity)
    call.cookie = session.id
    return session.id


def has_session(call: Call, _arguments: Record) -> bool:
    return call.session is not None


def get_identity(call: Call, _arguments: Record) -> Record:
    return _described(call.live.identity, current=call.live.identity)


def get_identities(call: Call, _arguments: Record) -> list[Record]:
    current = call.live.identity
    return [_described(entry, current=current) for entry in call.sandbox.config.identities]


def get_identities_with_credential(call: Call, arguments: Record) -> list[Record]:
    """The identities without a session; wrong credentials get an empty list (assumed)."""
    credential = arguments.get("credential", {})
    call.sandbox.throttle_login(credential.get("Username", ""))
    if not _is_right(call, credential):
        if call.sandbox.config.failed_login_is_fault:
            raise SoapFault(WRONG_CREDENTIALS)
        return []
    return [_described(entry, current=None) for entry in call.sandbox.config.identities]


def set_identity(call: Call, arguments: Record) -> bool:
    return _switch(call, arguments.get("identity", {}).get("Id"))


def set_identity_by_id(call: Call, arguments: Record) -> bool:
    return _switch(call, arguments["identityId"])


def _switch(call: Call, identity_id: str | None) -> bool:
    session = call.live
    identity = call.sandbox.identity(identity_id) if identity_id else None
    if identity is None:
        return False
    session.identity = identity
    return True


def _is_right(call: Call, credential: Record) -> bool:
    config = call.sandbox.config
    return (
        credential.get("ApplicationId") == config.application_id.lower()
        and credential.get("Username") == config.username
        and credential.get("Password") == config.password
    )


def _described(identity: IdentityConfig, *, current: IdentityConfig | None) -> Record:
    return {
        "Id": identity.id,
        "User": {"ContactId": 1, "Name": "Demo Bruker", "EmployeeId": 1},
        "Client": {"Id": identity.client_id, "Name": identity.client_name},
        "IsCurrent": identity == current,
        "IsDefault": identity.default,
        "IsProtected": False,
        "IsDisabled": identity.blocked,
    }


OPERATIONS: dict[str, Handler] = {
    "Login": login,
    "HasSession": has_session,
    "GetIdentity": get_identity,
    "GetIdentities": get_identities,
    "GetIdentitiesWithCredential": get_identities_with_credential,
    "SetIdentity": set_identity,
    "SetIdentityById": set_identity_by_id,
}
