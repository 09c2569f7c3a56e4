"""Making, testing and pausing connections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import select, text

from sandbox import rackbeat
from sandbox.tfso.config import ANNEN_BEDRIFT, FJELLHEIM, SandboxConfig
from sandbox.threads import running
from shared.connections import NewConnection, NotUsable, token_digest
from shared.failures import AuthFailed
from shared.rackbeat.client import RackbeatClient
from shared.settings import SettingsError
from shared.tables import Audit, Connection, WebhookSubscription
from shared.tfso.client import TfsoClient
from shared.tfso.login import Identity
from shared.vault import RACKBEAT_API_KEY, TFSO_PASSWORD, TFSO_SESSION, Vault
from shared.vendors import Vendors
from shared.words import System
from tests.harness.people import linked, tfso_product
from tests.harness.stored import everything_stored, written_as
from tests.harness.world import GENEROUS_TFSO, SLUG, World, world

MASTER_DATA_EVENTS = {
    f"{entity}.{action}"
    for entity in ("customer", "supplier", "product", "product_group")
    for action in ("created", "updated", "deleted")
}


@pytest.fixture
def shown_tokens(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The webhook tokens Rackbeat has shown, each of them once."""
    tokens: list[str] = []
    register = RackbeatClient.register_webhook

    def watched(client: RackbeatClient, event: str, url: str) -> Any:
        hook = register(client, event, url)
        if hook.token is not None:
            tokens.append(hook.token.get_secret_value())
        return hook

    monkeypatch.setattr(RackbeatClient, "register_webhook", watched)
    return tokens


def stored_connections(the_world: World) -> list[str]:
    with the_world.sessions() as session:
        return list(session.scalars(select(Connection.slug)))


def subscriptions_at_rackbeat(the_world: World) -> list[dict[str, Any]]:
    answer = httpx.get(
        f"{the_world.rackbeat_url}/api/webhooks",
        headers={"Authorization": f"Bearer {rackbeat.API_KEY}"},
        params={"limit": 100},
    )
    found: list[dict[str, Any]] = answer.json()["webhooks"]
    return found


# -- making -------------------------------------------------------------------------------------


def test_a_new_connection_knows_both_companies_and_is_active(the_world: World) -> None:
    made = the_world.connect_by_hand()
    assert (made.name, made.tfso_client) == ("Fjellheim Lager AS", "Fjellheim Handel AS")
    assert (made.rackbeat_account, made.tfso_identity) == ("4711", FJELLHEIM.id)
    assert the_world.connections.find(SLUG).state == "active"
    with the_world.sessions() as session:
        noted = session.scalars(select(Audit)).one()
    assert (noted.action, noted.actor) == ("connection added", "test")


def test_a_new_connection_subscribes_to_every_event_of_master_data(the_world: World) -> None:
    the_world.connect_by_hand()
    hooks = subscriptions_at_rackbeat(the_world)
    assert {hook["event"] for hook in hooks} >= MASTER_DATA_EVENTS
    assert {hook["url"] for hook in hooks} == {f"{the_world.web_url}/webhooks/rackbeat/{SLUG}"}
    assert all(hook["is_active"] for hook in hooks)


def test_webhook_tokens_are_kept_only_as_digests(the_world: World, shown_tokens: list[str]) -> None:
    the_world.connect_by_hand()
    with the_world.sessions() as session:
        digests = set(session.scalars(select(WebhookSubscription.token_digest)))
    assert digests == {token_digest(token) for token in shown_tokens}
    stored = everything_stored(the_world.sessions)
    assert not [token for token in shown_tokens if any(f in stored for f in written_as(token))]


def test_a_session_stored_with_a_newer_key_is_replaced_by_a_login(the_world: World) -> None:
    connection = the_world.connect_by_hand()
    ours = Vault(the_world.configuration.secret_keys)
    newer = Vault([SecretStr(Fernet.generate_key().decode())])
    for rotated in (False, True):
        with the_world.sessions.begin() as session:
            secret, now = SecretStr("session"), the_world.clock()
            newer.put(session, connection.id, TFSO_SESSION, secret, now)
        if rotated:
            with the_world.sessions.begin() as session:
                ours.rotate(session)
        client = the_world.vendors.clients(connection.id).of(System.TFSO)
        assert client.current_identity().client_name == FJELLHEIM.client_name


def test_credentials_are_stored_only_encrypted(the_world: World) -> None:
    the_world.connect_by_hand()
    vendor = SandboxConfig()
    secrets = (rackbeat.API_KEY, vendor.password, vendor.application_id)
    stored = everything_stored(the_world.sessions)
    assert "Fjellheim Lager AS" in stored
    assert not [secret for secret in secrets if any(f in stored for f in written_as(secret))]


def test_subscribing_again_makes_nothing_twice(the_world: World, shown_tokens: list[str]) -> None:
    the_world.connect_by_hand()
    before = subscriptions_at_rackbeat(the_world)
    the_world.connections.subscribe(SLUG)
    assert [hook["id"] for hook in subscriptions_at_rackbeat(the_world)] == [
        hook["id"] for hook in before
    ]
    assert len(shown_tokens) == len(before)


def test_a_webhook_whose_token_was_never_stored_is_made_anew(
    the_world: World, shown_tokens: list[str]
) -> None:
    the_world.connect_by_hand()
    with the_world.sessions.begin() as session:
        session.execute(text("DELETE FROM webhook_subscription WHERE event = 'product.updated'"))
    count = len(shown_tokens)
    the_world.connections.subscribe(SLUG)
    assert len(shown_tokens) == count + 1
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.rackbeat.edit("products", link.rackbeat_key, {"name": "Ny"})
    the_world.settle()
    assert the_world.in_tfso("products", link.tfso_key)["Name"] == "Ny"


def test_a_webhook_that_is_inactive_or_gone_is_told_of_and_made_anew(the_world: World) -> None:
    the_world.connect()
    hooks = {hook["event"]: hook["id"] for hook in subscriptions_at_rackbeat(the_world)}
    address = f"{the_world.rackbeat_url}/api/webhooks"
    with httpx.Client(headers={"Authorization": f"Bearer {rackbeat.API_KEY}"}) as person:
        person.put(f"{address}/{hooks['product.updated']}", json={"is_active": False})
        person.delete(f"{address}/{hooks['customer.updated']}")
    (*_, (good, said)) = findings(the_world)
    assert not good
    assert "customer.updated" in said
    assert "product.updated" in said
    assert "supplier.updated" not in said
    the_world.connections.subscribe(SLUG)
    assert all(good for good, _ in findings(the_world))
    assert len(subscriptions_at_rackbeat(the_world)) == len(hooks)
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.rackbeat.edit("products", link.rackbeat_key, {"name": "Ny"})
    the_world.settle()
    assert the_world.in_tfso("products", link.tfso_key)["Name"] == "Ny"


def test_what_the_other_tests_begin_with_is_what_a_person_makes(the_world: World) -> None:
    the_world.connect("prepared")
    the_world.give_another_account("prepared")
    the_world.connect_by_hand()
    hooks = subscriptions_at_rackbeat(the_world)
    with the_world.sessions() as session:
        rows = session.scalars(select(WebhookSubscription)).all()
    assert {hook["id"]: hook["event"] for hook in hooks} == {r.rackbeat_id: r.event for r in rows}
    prepared, made = (
        [hook["event"] for hook in hooks if hook["url"].endswith(f"/{slug}") and hook["is_active"]]
        for slug in ("prepared", SLUG)
    )
    assert prepared == made


def test_the_only_identity_of_a_user_is_taken_without_asking(alone: World) -> None:
    made = alone.connections.add(alone.new_connection(identity=None))
    assert made.tfso_identity == FJELLHEIM.id


@pytest.fixture
def alone(database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The 24SevenOffice user has access to one company only."""
    one = replace(GENEROUS_TFSO, identities=(FJELLHEIM,))
    with world(database_url, broker_url, monkeypatch, tfso_config=one) as made:
        yield made


# -- refusing -----------------------------------------------------------------------------------


def test_a_wrong_rackbeat_key_makes_no_connection(the_world: World) -> None:
    wrong = the_world.new_connection(rackbeat_api_key=SecretStr("mistyped-key"))
    with pytest.raises(AuthFailed, match="Rackbeat does not accept the API key") as raised:
        the_world.connections.add(wrong)
    assert "mistyped-key" not in str(raised.value)
    assert stored_connections(the_world) == []


def test_a_wrong_24so_password_makes_no_connection(the_world: World) -> None:
    wrong = the_world.new_connection(tfso_password=SecretStr("glemt-passord"))
    with pytest.raises(AuthFailed, match="24SevenOffice does not accept") as raised:
        the_world.connections.add(wrong)
    assert "glemt-passord" not in str(raised.value)
    assert stored_connections(the_world) == []
    assert subscriptions_at_rackbeat(the_world) == []


def test_a_connection_is_to_the_vendors_themselves_unless_it_says_otherwise(
    the_world: World,
) -> None:
    given = the_world.new_connection()
    secrets = (given.rackbeat_api_key, given.tfso_username, given.tfso_password)
    new = NewConnection(SLUG, *secrets, given.tfso_application_id)
    assert new.rackbeat_url == "https://app.rackbeat.com/api/"
    assert new.tfso_url == "https://api.24sevenoffice.com"


def test_several_identities_without_a_choice_are_named_and_refused(the_world: World) -> None:
    with pytest.raises(NotUsable, match="--identity") as raised:
        the_world.connections.add(the_world.new_connection(identity=None))
    for identity in (FJELLHEIM, ANNEN_BEDRIFT):
        assert f"{identity.id} ({identity.client_name})" in str(raised.value)
    assert stored_connections(the_world) == []


def test_an_identity_the_user_does_not_have_is_refused_with_those_there_are(
    the_world: World,
) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(NotUsable, match=f"no identity {unknown}.*Fjellheim Handel AS"):
        the_world.connections.add(the_world.new_connection(identity=unknown))
    assert stored_connections(the_world) == []


@pytest.mark.parametrize("slug", ["", "Fjell", "fjell heim", "-fjell", "fjell/", "f" * 41])
def test_a_name_that_is_no_part_of_an_address_is_refused(the_world: World, slug: str) -> None:
    with pytest.raises(NotUsable, match="lower-case letters"):
        the_world.connections.add(the_world.new_connection(slug=slug))
    assert the_world.rackbeat.calls()["total"] == 0


def test_a_name_is_given_once(the_world: World) -> None:
    the_world.connect()
    with pytest.raises(NotUsable, match="already"):
        the_world.connect()
    assert stored_connections(the_world) == [SLUG]


def test_settings_that_contradict_each_other_make_no_connection(the_world: World) -> None:
    settings = {"product": {"origin": "off"}}
    with pytest.raises(SettingsError, match=r"set order\.origin to off"):
        the_world.connections.add(the_world.new_connection(settings=settings))
    assert stored_connections(the_world) == []


def test_a_pair_is_connected_only_once(the_world: World) -> None:
    the_world.connect()
    with pytest.raises(NotUsable, match=f"'{SLUG}' pairs Fjellheim Lager AS and Fjellheim Handel"):
        the_world.connect("second")
    assert stored_connections(the_world) == [SLUG]
    the_world.connections.add(
        the_world.new_connection(slug="other-company", identity=ANNEN_BEDRIFT.id)
    )


def test_of_two_that_connect_a_pair_at_once_one_is_refused(the_world: World) -> None:
    connections = replace(the_world.connections, events=())
    both_are_here = Barrier(2, timeout=10)

    def add(slug: str) -> bool:
        def choose(identities: Sequence[Identity]) -> Identity:
            both_are_here.wait()
            return identities[0]

        try:
            connections.add(the_world.new_connection(slug=slug, identity=None), choose)
        except NotUsable:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(add, ("first", "second"))) == [False, True]


@pytest.mark.parametrize(
    "public_url",
    ["http://127.0.0.1:8080", "https://localhost", "http://varebro.example.com", "example.com"],
)
def test_an_address_that_rackbeat_cannot_reach_makes_no_connection(
    the_world: World, public_url: str
) -> None:
    connections = replace(the_world.connections, public_url=public_url)
    real = the_world.new_connection(rackbeat_url="https://rackbeat.invalid/api/")
    with pytest.raises(NotUsable, match=f"VAREBRO_PUBLIC_URL .{public_url}.*https://varebro"):
        connections.add(real)
    the_world.connect()
    with the_world.sessions.begin() as session:
        session.scalars(select(Connection)).one().rackbeat_url = real.rackbeat_url
    with pytest.raises(NotUsable, match="VAREBRO_PUBLIC_URL"):
        connections.subscribe(SLUG)


def test_a_connection_without_its_webhooks_says_that_it_is_made(the_world: World) -> None:
    the_world.rackbeat.fault(operation="POST /webhooks", effect="answer", status=401)
    with pytest.raises(NotUsable, match=f"is made; run `varebro connection webhooks {SLUG}`"):
        the_world.connect_by_hand()
    assert stored_connections(the_world) == [SLUG]
    (*_, webhooks) = findings(the_world)
    assert webhooks == (
        False,
        "Webhooks: missing or inactive in Rackbeat: all. Run `varebro connection webhooks fjell`.",
    )
    the_world.connections.subscribe(SLUG)
    assert all(good for good, _ in findings(the_world))


# -- testing ------------------------------------------------------------------------------------


def findings(the_world: World) -> list[tuple[bool, str]]:
    return [(finding.good, finding.text) for finding in the_world.connections.test(SLUG)]


def test_a_test_of_a_good_connection_names_both_companies(the_world: World) -> None:
    the_world.connect()
    found = findings(the_world)
    assert all(good for good, _ in found)
    said = " ".join(text for _, text in found)
    assert "Fjellheim Lager AS" in said
    assert "Fjellheim Handel AS" in said


def test_a_test_says_that_rackbeat_does_not_accept_the_key_any_more(the_world: World) -> None:
    the_world.connect()
    the_world.rackbeat.fault(operation="GET /self", effect="answer", status=401)
    (rackbeat_found, tfso_found) = findings(the_world)
    assert rackbeat_found[0] is False
    assert "does not accept the API key" in rackbeat_found[1]
    assert tfso_found[0] is True


def test_a_test_says_that_the_identity_is_blocked(
    database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = replace(GENEROUS_TFSO, identities=(replace(FJELLHEIM, blocked=True), ANNEN_BEDRIFT))
    with world(database_url, broker_url, monkeypatch, tfso_config=blocked) as the_world:
        the_world.connect()
        (rackbeat_found, tfso_found, _) = findings(the_world)
    assert rackbeat_found[0] is True
    assert tfso_found[0] is False
    assert "blocked" in tfso_found[1]


def test_a_test_says_that_the_password_is_wrong_by_now(the_world: World) -> None:
    the_world.connect()
    assert all(good for good, _text in findings(the_world))  # and a session lives from now on
    with the_world.sessions.begin() as session:
        connection = session.scalars(select(Connection)).one()
        the_world.connections.store.put(
            session, connection.id, "tfso_password", SecretStr("gammelt"), the_world.clock()
        )
    (_, tfso_found, _) = findings(the_world)
    assert tfso_found[0] is False
    assert "does not accept the user name, the password" in tfso_found[1]
    assert "gammelt" not in tfso_found[1]


def test_a_test_of_a_connection_that_does_not_exist_says_where_they_are_listed(
    the_world: World,
) -> None:
    with pytest.raises(NotUsable, match="varebro connection list"):
        the_world.connections.test("dalen")


def test_workers_that_meet_a_lost_session_log_in_once_together(the_world: World) -> None:
    connection = the_world.connect().id
    assert all(good for good, _text in findings(the_world))
    the_world.tfso.post("/sessions/expire")
    the_world.tfso.fault(operation="Login", effect="slow", delay=0.3, times=None)
    the_world.reset_calls()
    workers = [Vendors(the_world.configuration, the_world.sessions) for _ in range(6)]

    def look(worker: Vendors) -> str:
        client: TfsoClient = worker.clients(connection).of(System.TFSO)
        return client.current_identity().id

    with ThreadPoolExecutor(len(workers)) as pool:
        assert set(pool.map(look, workers)) == {FJELLHEIM.id}
    assert the_world.tfso.calls()["by_operation"]["Login"] == 1


# -- replacing credentials ----------------------------------------------------------------------


def test_a_rackbeat_key_of_another_account_is_refused(the_world: World) -> None:
    connection = the_world.connect()
    other = rackbeat.Config(account_id=4242, api_key="other-key", company_name="Feil AS")
    with running(rackbeat.create_app(other)) as url:
        with the_world.sessions.begin() as session:
            session.get_one(Connection, connection.id).rackbeat_url = f"{url}/api/"
        with pytest.raises(NotUsable, match=r"Feil AS \(account 4242\).*\(account 4711\)"):
            the_world.connections.replace_credentials(
                SLUG, {RACKBEAT_API_KEY: SecretStr("other-key"), TFSO_PASSWORD: SecretStr("nytt")}
            )
    assert stored_secrets(the_world, connection.id) == (
        rackbeat.API_KEY,
        SandboxConfig().password,
    )


def test_a_rackbeat_key_that_is_not_accepted_is_not_stored(the_world: World) -> None:
    connection = the_world.connect()
    with pytest.raises(AuthFailed, match="does not accept the API key"):
        the_world.connections.replace_credentials(
            SLUG, {RACKBEAT_API_KEY: SecretStr("mistyped-key")}
        )
    assert stored_secrets(the_world, connection.id)[0] == rackbeat.API_KEY


def test_a_24so_password_that_is_not_accepted_is_not_stored(the_world: World) -> None:
    connection = the_world.connect()
    with pytest.raises(AuthFailed, match="does not accept the user name, the password"):
        the_world.connections.replace_credentials(SLUG, {TFSO_PASSWORD: SecretStr("mistyped")})
    assert stored_secrets(the_world, connection.id)[1] == SandboxConfig().password


def test_credentials_whose_key_is_lost_are_replaced_all_at_once(the_world: World) -> None:
    the_world.connect()
    another = Vault((SecretStr(Fernet.generate_key().decode()),))
    with_another_key = replace(the_world.connections, store=another)
    config = SandboxConfig()
    given = {TFSO_PASSWORD: SecretStr(config.password)}
    with pytest.raises(NotUsable, match="all of 24SevenOffice's credentials at once"):
        with_another_key.replace_credentials(SLUG, given)
    given["tfso_username"] = SecretStr(config.username)
    given["tfso_application_id"] = SecretStr(config.application_id)
    with_another_key.replace_credentials(SLUG, given)
    with the_world.sessions() as session:
        connection = session.scalars(select(Connection)).one()
        stored = another.get(session, connection.id, TFSO_PASSWORD)
    assert stored == given[TFSO_PASSWORD]


def test_a_new_user_goes_on_in_the_same_company(the_world: World) -> None:
    the_world.connect()
    with the_world.sessions.begin() as session:
        # The identity was that of a user who has left.
        connection = session.scalars(select(Connection)).one()
        connection.tfso_identity = FJELLHEIM.id.replace("6", "7")
    assert [good for good, _text in findings(the_world)] == [True, False, True]
    same = {TFSO_PASSWORD: SecretStr(SandboxConfig().password)}
    the_world.connections.replace_credentials(SLUG, same)
    assert the_world.connections.find(SLUG).tfso_identity == FJELLHEIM.id
    assert all(good for good, _text in findings(the_world))


@pytest.mark.parametrize("identity", [ANNEN_BEDRIFT.id, "nobody's"])
def test_an_identity_of_another_company_is_not_taken(the_world: World, identity: str) -> None:
    the_world.connect()
    with pytest.raises(NotUsable, match=r"do not lead into Fjellheim Handel AS.*Annen Bedrift AS"):
        the_world.connections.replace_credentials(SLUG, {}, identity)
    assert the_world.connections.find(SLUG).tfso_identity == FJELLHEIM.id


def stored_secrets(the_world: World, connection_id: int) -> tuple[str, ...]:
    store = the_world.connections.store
    with the_world.sessions() as session:
        found = [
            store.get(session, connection_id, name) for name in (RACKBEAT_API_KEY, TFSO_PASSWORD)
        ]
    return tuple(secret.get_secret_value() for secret in found if secret)


def test_new_credentials_do_not_resume_what_a_person_has_paused(the_world: World) -> None:
    the_world.connect()
    the_world.connections.pause(SLUG, "varetelling")
    the_world.connections.replace_credentials(SLUG, {RACKBEAT_API_KEY: SecretStr(rackbeat.API_KEY)})
    found = the_world.connections.find(SLUG)
    assert (found.state, found.pause_reason) == ("paused", "varetelling")


# -- pausing ------------------------------------------------------------------------------------


def test_what_changes_while_a_connection_is_paused_follows_when_it_is_resumed(
    the_world: World,
) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.connections.pause(SLUG, "ferie")
    the_world.reset_calls()
    the_world.rackbeat.edit("products", link.rackbeat_key, {"name": "Endret i Rackbeat"})
    other = tfso_product(the_world, No="SKI-2", EAN1="", Name="Laget i pausen")
    the_world.deliveries_done()
    the_world.clock.pass_by(minutes=11)
    the_world.work()
    assert the_world.writes() == {}
    assert the_world.change(kind="product", state="pending").key == link.rackbeat_key
    assert the_world.connections.find(SLUG).pause_reason == "ferie"
    the_world.connections.resume(SLUG)
    the_world.work()
    the_world.settle()
    assert the_world.in_tfso("products", link.tfso_key)["Name"] == "Endret i Rackbeat"
    assert the_world.in_rackbeat("products", "SKI-2")["name"] == other["Name"]
    assert the_world.connections.find(SLUG).pause_reason is None
