"""All processes at work, with failures of every kind: what they emit holds none of their secrets.

One run for all tests; each looks at a part of what came of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
import pytest
import redis
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import select

from sandbox import rackbeat, tfso
from sandbox.control import SandboxControl
from sandbox.servers import Postgres, Valkey, free_port
from sandbox.stack import wait_for_answer, wait_until
from sandbox.tfso.config import FJELLHEIM, SandboxConfig
from sandbox.threads import running
from shared.config import Configuration
from shared.database import make_engine, make_sessions
from shared.tables import Attempt, Change, Pause
from tests.harness import with_bugs
from tests.harness.installation import Installation
from tests.harness.overheard import Overheard, arguments_of, dump_of
from tests.harness.quoting import Quoting, by_rackbeat, by_tfso
from tests.harness.stored import everything_stored, written_as
from tests.harness.world import SLUG
from workers.celery_app import make_celery

pytestmark = pytest.mark.timeout(300)
PATIENCE = 60.0
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
SECRETS = {
    "Rackbeat's key": "rb-key/with+signs=4711",
    "24SevenOffice's password": "pass & word/24",
    "the application id": "5f0c2c1e-77aa-4a0e-9d3c-0123456789ab",
    "the old key": OLD,
    "the new key": NEW,
    "the API's token": "api-token/of+the=run",
    "Flower's password": "flower-pass+word",
    "the broker's password": "broker/pass+word",
}


@dataclass
class Run:
    """The whole of it, and what came out.

    Attributes:
        emitted: what was said where.
        answers: statuses of requests, by what was asked.
        codes: exit codes of commands, by what was done.
    """

    installation: Installation
    configuration: Configuration
    rackbeat_url: str
    tfso_url: str
    rackbeat: Quoting
    tfso: Quoting
    at_rackbeat: SandboxControl
    at_tfso: SandboxControl
    emitted: dict[str, str] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.database = self.configuration.database_url.get_secret_value()
        self.sessions = make_sessions(make_engine(self.database))
        self.broker = redis.Redis.from_url(self.configuration.broker_url.get_secret_value())
        self.sender = make_celery(self.configuration)
        self.web = self.configuration.public_url
        self.flower = f"http://127.0.0.1:{self.configuration.flower_port}"

    # -- doing ----------------------------------------------------------------------------------

    def send(self, task: str, queue: str = "control", **arguments: str) -> None:
        """A task by hand, as any Celery client may."""
        arguments = {"connection": SLUG, **arguments}
        self.sender.send_task(f"varebro.{task}", kwargs=arguments, queue=queue)

    def ask(self, path: str, *, token: str | None = SECRETS["the API's token"]) -> httpx.Response:
        """A question to the API; its answer is kept."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        answer = httpx.get(f"{self.web}/api/{path}", headers=headers, trust_env=False)
        said = f"{answer.status_code} {answer.headers} {answer.text}"
        self.emitted[f"the API's answer to {path}, {token is not None}"] = said
        return answer

    def flower_shows(self, path: str, *, login: bool = True) -> httpx.Response:
        auth = ("someone", SECRETS["Flower's password"]) if login else None
        url = f"{self.flower}/{path}"
        return httpx.get(url, auth=auth, timeout=PATIENCE, trust_env=False)

    def webhook(self, token: str, **body: str) -> int:
        return httpx.post(
            f"{self.web}/webhooks/rackbeat/{SLUG}",
            json=body,
            headers={"rackbeat-webhook-token": token},
            trust_env=False,
        ).status_code

    # -- looking --------------------------------------------------------------------------------

    def journal(self) -> list[tuple[str, str | None, str]]:
        """Kind, failure class and message of every try that failed."""
        with self.sessions() as session:
            tries = select(Change.kind, Attempt.failure_class, Attempt.message).join(
                Attempt, Attempt.change_id == Change.id
            )
            return [(k, c, m or "") for k, c, m in session.execute(tries).all()]

    def until_failed(self, kind: str, failure_class: str) -> None:
        wait_until(
            lambda: any(found[:2] == (kind, failure_class) for found in self.journal()),
            PATIENCE,
            f"no {kind} has failed as {failure_class}",
        )

    def is_stopped(self) -> bool:
        """Whether a vendor is left alone for words of its own that held secrets."""
        with self.sessions() as session:
            return any("***" in said for said in session.scalars(select(Pause.message)))

    def ciphertexts(self) -> dict[str, bytes]:
        """The credentials as they are stored; not the session, which may change at any time."""
        with psycopg.connect(self.database) as connection:
            rows = connection.execute("SELECT name, ciphertext FROM credential").fetchall()
        return {name: bytes(text) for name, text in rows if name != "tfso_session"}


# -- the run ------------------------------------------------------------------------------------


def _connect(run: Run) -> None:
    """The command a person uses, with the key of that time."""
    given = {
        "RACKBEAT_API_KEY": SECRETS["Rackbeat's key"],
        "TFSO_USERNAME": "post@fjellheim.example",
        "TFSO_PASSWORD": SECRETS["24SevenOffice's password"],
        "TFSO_APPLICATION_ID": SECRETS["the application id"],
        "VAREBRO_SECRET_KEYS": OLD,
    }
    run.codes["connect"] = run.installation.run(
        "connection", "add", SLUG, "--identity", FJELLHEIM.id,
        "--rackbeat-url", f"{run.rackbeat_url}/api", "--24so-url", run.tfso_url,
        **given,
    )  # fmt: skip


def _work(run: Run) -> str:
    """A customer travels, by a webhook; its number in Rackbeat."""
    made = run.at_rackbeat.add("customers", {"company_name": "Havn AS", "payment_terms_id": 1})
    _arrives(run, "Havn AS")
    return str(made["number"])


def _arrives(run: Run, name: str) -> None:
    def is_there() -> bool:
        companies = run.at_tfso.state()[str(FJELLHEIM.client_id)]["companies"]
        return any(company["Name"] == name for company in companies)

    wait_until(is_there, PATIENCE, f"{name} does not arrive")


def _fail(run: Run, customer: str) -> None:
    """Every kind of failure, each quoting secrets."""
    product = run.at_tfso.state()[str(FJELLHEIM.client_id)]["products"][0]["Id"]
    run.rackbeat.refuses, run.rackbeat.status = "POST /api/products", 422
    run.send("product.24so_to_rackbeat", "master_data", key=str(product))
    run.tfso.refuses = "SaveCompanies"
    run.at_rackbeat.edit("customers", customer, {"company_name": "Fjord AS"})
    run.send(f"{with_bugs.TRANSFERRED}.24so_to_rackbeat", "master_data", key="1")
    run.send("pull", kind=with_bugs.PULLED)
    run.answers["a faulty page"] = run.ask(f"connections/{SLUG}/status").status_code
    run.until_failed("product", "rejected")
    run.until_failed("customer", "rejected")
    run.until_failed("supplier", "bug")
    run.rackbeat.refuses = run.tfso.refuses = None
    run.at_rackbeat.fault(operation="GET /customers/*", effect="drop_before", times=None)
    run.send("customer.rackbeat_to_24so", "master_data", key=customer)
    run.until_failed("customer", "transient")
    run.at_rackbeat.clear_faults()


def _deliver_wrongly(run: Run) -> None:
    right = next(iter(run.rackbeat.heard))
    event = {"event": "customer.exploded", "key": "1"}
    run.answers["a webhook with a wrong token"] = run.webhook(SECRETS["the new key"], **event)
    run.answers["a webhook with a token"] = run.webhook(right, **event)


def _rotate(run: Run, customer: str) -> None:
    """Interrupted in the middle, then to its end, while the workers run."""
    before = run.ciphertexts()
    with psycopg.connect(run.database) as other:
        other.execute("SELECT 1 FROM credential WHERE name = 'tfso_username' FOR UPDATE")
        rotating = run.installation.start("key", "rotate")
        wait_until(lambda: _is_waiting(run.database), PATIENCE, "the rotation does not wait")
        rotating.kill()
    run.codes["credentials changed by an interrupted rotation"] = sum(
        text != before[name] for name, text in run.ciphertexts().items()
    )
    run.codes["rotate"] = run.installation.run("key", "rotate")
    run.at_rackbeat.edit("customers", customer, {"company_name": "Vidda AS"})
    _arrives(run, "Vidda AS")
    for key, keys in (("new", NEW), ("old", OLD)):
        run.codes[f"test with the {key} key"] = run.installation.run_here(
            "connection", "test", SLUG, VAREBRO_SECRET_KEYS=keys
        )


def _is_waiting(database: str) -> bool:
    with psycopg.connect(database) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
            "AND wait_event_type = 'Lock' AND query LIKE '%credential%FOR UPDATE%'"
        ).fetchone()
    return found is not None


def _lose_the_login(run: Run, customer: str) -> None:
    """The vendors take the credentials no more, and quote them."""
    run.at_tfso.post("/sessions/expire")
    run.tfso.refuses = "Login"
    run.rackbeat.refuses, run.rackbeat.status = "GET /api/self", 401
    run.codes["test without a login"] = run.installation.run_here("connection", "test", SLUG)
    run.at_rackbeat.edit("customers", customer, {"company_name": "Skog AS"})
    wait_until(run.is_stopped, PATIENCE, "it is not stopped")
    for command in (("connection", "list"), ("status",)):
        run.codes[" ".join(command)] = run.installation.run_here(*command)


def _collect(run: Run, overheard: Overheard) -> None:
    for path in ("connections", f"connections/{SLUG}/changes", f"connections/{SLUG}/settings"):
        run.answers[f"{path} without the token"] = run.ask(path, token=None).status_code
        run.answers[path] = run.ask(path).status_code
    run.ask(f"connections/{SLUG}/changes?limit=many")
    for path in ("", "api/tasks", "api/workers?refresh=true", "metrics", "broker", "workers"):
        shown = run.flower_shows(path)
        run.emitted[f"Flower's page /{path}"] = f"{shown.headers} {shown.text}"
        refused = run.flower_shows(path, login=False).status_code
        run.answers[f"Flower's /{path} without a login"] = refused
    run.emitted["the arguments of processes"] = "\n".join(arguments_of(run.installation.processes))
    run.emitted["the tables"] = everything_stored(run.sessions)
    run.emitted["the broker"] = overheard.text() + dump_of(run.broker)
    run.installation.stop()
    run.emitted["the logs"] = run.installation.logged()
    run.emitted["the commands"] = "\n".join(run.installation.said)


@pytest.fixture(scope="module")
def run(postgres: Postgres, server_folder: Path) -> Iterator[Run]:
    password = SECRETS["the broker's password"]
    broker = Valkey(server_folder / "broker of the secrets", rdbcompression="no")
    rackbeat_front = Quoting(
        rackbeat.create_app(rackbeat.Config(api_key=SECRETS["Rackbeat's key"])), by_rackbeat
    )
    tfso_front = Quoting(
        tfso.create_app(
            SandboxConfig(
                username="post@fjellheim.example",
                password=SECRETS["24SevenOffice's password"],
                application_id=SECRETS["the application id"],
            )
        ),
        by_tfso,
    )
    with ExitStack() as stack:
        broker.start()
        stack.callback(broker.stop)
        # Not by its start, whose arguments everybody sees.
        redis.Redis.from_url(broker.url).config_set("requirepass", password)
        rackbeat_url = stack.enter_context(running(rackbeat_front))
        tfso_url = stack.enter_context(running(tfso_front))
        configuration = _configuration(postgres, broker, password)
        folder = server_folder / "secrets"
        folder.mkdir()
        bug = " ".join([*SECRETS.values(), postgres.password])
        installation = Installation(folder, {**_variables(configuration), "BUG_TEXT": bug})
        stack.callback(installation.stop)
        run = Run(
            installation,
            configuration,
            rackbeat_url,
            tfso_url,
            rackbeat_front,
            tfso_front,
            stack.enter_context(SandboxControl(rackbeat_url)),
            stack.enter_context(SandboxControl(tfso_url)),
        )
        _run(run, Overheard(broker.port, password))
        yield run


def _configuration(postgres: Postgres, broker: Valkey, password: str) -> Configuration:
    return Configuration(
        database_url=SecretStr(postgres.create_database("secrets", template="template")),
        broker_url=SecretStr(broker.url.replace("//", f"//:{quote(password, safe='')}@")),
        secret_keys=(SecretStr(NEW), SecretStr(OLD)),
        web_port=(port := free_port()),
        public_url=f"http://127.0.0.1:{port}",
        flower_port=free_port(),
        flower_auth=SecretStr("someone:" + SECRETS["Flower's password"]),
        api_token=SecretStr(SECRETS["the API's token"]),
        log_level="DEBUG",  # at which most is said
        worker_concurrency=2,
        sweep_seconds=60,
    )


def _variables(configuration: Configuration) -> dict[str, str]:
    """The configuration as processes are given it."""
    given = {name: getattr(configuration, name) for name in configuration.model_fields_set}
    given["secret_keys"] = f"{NEW},{OLD}"
    plain = {n: v.get_secret_value() if isinstance(v, SecretStr) else v for n, v in given.items()}
    return {f"VAREBRO_{name.upper()}": str(value) for name, value in plain.items()}


def _run(run: Run, overheard: Overheard) -> None:
    overheard.start()
    for process in ("web", "worker", "beat", "flower"):
        run.installation.start(process)
    _connect(run)
    settings = {"reconcile.nightly": False}
    wait_for_answer(f"{run.web}/readyz", PATIENCE)
    wait_for_answer(f"{run.flower}/healthcheck", PATIENCE)
    headers = {"Authorization": "Bearer " + SECRETS["the API's token"]}
    url = f"{run.web}/api/connections/{SLUG}/settings"
    httpx.patch(url, json=settings, headers=headers, trust_env=False).raise_for_status()
    customer = _work(run)
    _fail(run, customer)
    _deliver_wrongly(run)
    _rotate(run, customer)
    _lose_the_login(run, customer)
    _collect(run, overheard)


# -- what came of it ----------------------------------------------------------------------------


def test_nothing_that_is_emitted_holds_a_secret(run: Run, postgres: Postgres) -> None:
    heard = {
        f"overheard {n}": secret for n, secret in enumerate(run.rackbeat.heard | run.tfso.heard)
    }
    secrets = {**SECRETS, **heard, "the database's password": postgres.password}
    assert len(heard) > 10  # tokens of webhooks, and two sessions
    found = [
        f"{place}: {name}"
        for place, text in run.emitted.items()
        for name, secret in secrets.items()
        for form in written_as(secret)
        if form in text
    ]
    assert not found, "\n".join(found)


def test_there_was_much_to_hide(run: Run) -> None:
    messages = {(kind, failed): message for kind, failed, message in run.journal()}
    assert "***" in messages["product", "rejected"]
    assert "***" in messages["customer", "rejected"]
    assert "ValueError" in messages["supplier", "bug"]
    for place in ("the logs", "Flower's page /api/tasks"):
        assert "UnexpectedError" in run.emitted[place]
    assert "ValueError" in run.emitted["the logs"]
    assert run.emitted["the commands"].count("***") >= 3
    for each in ("varebro.product.24so_to_rackbeat", '[[], {"connection": "fjell", "key"'):
        assert each in run.emitted["the broker"]
    for each in ("varebro.product.24so_to_rackbeat", "'connection': 'fjell', 'key'"):
        assert each in run.emitted["Flower's page /api/tasks"]
    assert "worker" in run.emitted["the arguments of processes"]


def test_without_a_login_nothing_is_shown(run: Run) -> None:
    closed = {what: status for what, status in run.answers.items() if "without" in what}
    assert set(closed.values()) == {401}
    assert run.answers["a webhook with a wrong token"] == 401
    assert run.answers["a webhook with a token"] == 202
    assert run.answers["a faulty page"] == 500


def test_a_rotation_happens_whole_or_not_at_all_and_makes_the_old_key_useless(run: Run) -> None:
    assert run.codes == {
        "connect": 0,
        "credentials changed by an interrupted rotation": 0,
        "rotate": 0,
        "test with the new key": 0,
        "test with the old key": 1,
        "test without a login": 1,
        "connection list": 0,
        "status": 0,
    }
