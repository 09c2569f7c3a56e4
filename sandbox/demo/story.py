"""The demo's steps: what its people do in both systems, and what has to come of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import celery
from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from sandbox.control import SandboxControl
from sandbox.demo.compare import compare
from sandbox.demo.every_row import EveryRow
from sandbox.demo.interrupt import Interrupt
from sandbox.demo.orders import NEW_CUSTOMER, NEW_PRODUCT, ORDERS, change_of, orders
from sandbox.demo.people import UNWANTED_EVENT, People
from sandbox.demo.rows import ROWS, phases
from sandbox.demo.screen import Screen, Step, tally_counts
from sandbox.demo.verdict import Ending, Parked, problems_of
from sandbox.rackbeat import API_KEY
from sandbox.stack import Stack
from sandbox.tfso.config import FJELLHEIM, SandboxConfig
from shared.clock import utc_now
from shared.config import Configuration
from shared.connections import Connections, NewConnection
from shared.database import make_engine, make_sessions
from shared.queues import Queue
from shared.report import tally
from shared.tables import Change, Run
from shared.vault import Vault
from shared.vendors import Vendors
from shared.words import Cause, Direction, State
from tasks.kinds import KINDS
from workers.messages import INITIAL_SYNC

SLUG = "fjellheim"
PULL_SECONDS = 3.0
REPEATS = 3
PRICE, NAME, STREET = 64.5, "Treskrue, liten", "Kirkegata 35 B"  # as edited
RECORDS = {"product_group": 8, "product": 200, "customer": 60, "supplier": 20}
TITLES = {
    "start": "Start PostgreSQL, a broker, both sandboxes and Varebro",
    "connect": "Pair the two systems, register webhooks",
    "initial": "Initial sync of "
    + ", ".join(f"{n} {kind.replace('_', ' ')}s" for kind, n in RECORDS.items()),
    "orders": f"{ORDERS} orders are placed in 24SevenOffice",
    "edits": "A product and a customer are edited in Rackbeat",
    "again": f"An order changes again, and a webhook comes {REPEATS} times",
    "rows": f"One record of each of {len(ROWS)} kinds and directions, settings changed in between",
    "compare": "Compare both systems, record by record",
}
OPEN = (State.PENDING.value, State.RUNNING.value, State.WAITING.value)
LOOK_SECONDS = 0.4  # between two looks at the facts
# Far longer than any of it takes: other work on the machine must not spoil the story.
ROW_SECONDS, REST_SECONDS = 180, 120

Json = dict[str, Any]


class Stuck(RuntimeError):
    """Something that had to happen has not."""


@dataclass(frozen=True)
class Arrival:
    """A change that is done."""

    cause: str
    at: datetime


@dataclass
class Story:
    """Tells the story on a started system.

    Attributes:
        problems: what was not as it has to be.
        ending: what was found in the end.
    """

    stack: Stack
    screen: Screen
    interrupt: Interrupt
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.steps = dict(zip(TITLES, self.screen.steps, strict=True))
        self.rackbeat = SandboxControl(self.stack.rackbeat_url)
        self.tfso = SandboxControl(self.stack.tfso_url)
        self.sessions: sessionmaker[Session] | None = None
        self.stock: dict[int, str] = {}
        self.ending: Ending | None = None

    def tell(self) -> None:
        """The whole story; after a step that failed only the comparison."""
        acts: dict[str, Callable[[Step], str]] = {
            "start": self._start,
            "connect": self._connect,
            "initial": self._initial_sync,
            "orders": self._orders,
            "edits": self._edits,
            "again": self._again,
            "rows": self._rows,
        }
        all(self._take(name, act) for name, act in acts.items())
        if self.sessions is not None:
            self._take("compare", self._compare)

    def _take(self, name: str, act: Callable[[Step], str]) -> bool:
        """Take a step; whether nothing was wrong."""
        step, known = self.steps[name], len(self.problems)
        self.screen.begin(step)
        try:
            detail = act(step)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is told and reported
            detail = str(error) or type(error).__name__
            self.problems.append(detail)
        self.screen.end(step, detail, good=len(self.problems) == known)
        return len(self.problems) == known

    # -- the steps ------------------------------------------------------------------------------

    def _start(self, _step: Step) -> str:
        self.stack.start()
        engine = make_engine(self.stack.postgres.url("varebro"))
        self.sessions = make_sessions(engine)
        self.stock = self._stock()
        return f"{len(self.stack.processes) + 2} processes"

    def _connect(self, _step: Step) -> str:
        vendor = SandboxConfig()
        connection = self._connections().add(
            NewConnection(
                slug=SLUG,
                rackbeat_api_key=SecretStr(API_KEY),
                tfso_username=vendor.username,
                tfso_password=SecretStr(vendor.password),
                tfso_application_id=SecretStr(vendor.application_id),
                identity=FJELLHEIM.id,
                rackbeat_url=f"{self.stack.rackbeat_url}/api/",
                tfso_url=self.stack.tfso_url,
                # Only orders are pulled every few seconds, so that the customer and the product
                # that come along with an order come because of it.
                settings={"order": {"pull_minutes": PULL_SECONDS / 60}},
            )
        )
        registered = self.rackbeat.calls()["by_operation"].get("POST /webhooks", 0)
        if not registered:
            raise Stuck("no webhook was registered at Rackbeat")
        return f"{connection.name} and {connection.tfso_client}, {registered} webhooks"

    def _connections(self, *events: str) -> Connections:
        """What makes connections; events are others than those we use."""
        environment = self.stack.environment()
        configuration = Configuration(
            database_url=SecretStr(self.stack.postgres.url("varebro")),
            broker_url=SecretStr(self.stack.broker.url),
            secret_keys=(SecretStr(environment["VAREBRO_SECRET_KEYS"]),),
        )
        sessions = self._open_sessions()
        return Connections(
            sessions=sessions,
            vendors=Vendors(configuration, sessions, clock=utc_now),
            store=Vault(configuration.secret_keys),
            events=events or [event for kind in KINDS.values() for event in kind.events],
            public_url=self.stack.web_url,
            clock=utc_now,
            actor="demo",
        )

    def _initial_sync(self, step: Step) -> str:
        # Any Celery client can start it, and so does this one.
        with celery.Celery(broker=self.stack.broker.url) as client:
            client.send_task(INITIAL_SYNC, kwargs={"connection": SLUG}, queue=Queue.BULK.value)

        def is_done() -> bool:
            with self._open_sessions()() as session:
                finished = func.count().filter(Change.state.not_in(OPEN))
                done, total = session.execute(
                    select(finished, func.count()).where(Change.run_id.is_not(None))
                ).one()
                state = session.scalar(select(Run.state))
            self.screen.tell(step, f"{done} of {total} listed")
            return state == "done"

        self._wait(is_done, 300, "the initial sync is not done")
        self._come_to_rest(step, 240)
        took = time.monotonic() - step.began
        made = sum(counts["created"] for counts in self.screen.facts.counts.values())
        return f"{made} records made, {made / took:.0f} a second; the others need a person"

    def _orders(self, _step: Step) -> str:
        client = self._client()
        newcomer = self.tfso.add("companies", NEW_CUSTOMER)["Id"]
        category = client["categories"][4]["Id"]
        product = self.tfso.add("products", {**NEW_PRODUCT, "CategoryId": category})["Id"]
        placed = utc_now()
        made = [
            self.tfso.add("orders", order)["OrderId"]
            for order in orders(client, newcomer, product, placed)
        ]
        arrived = [self._transferred("order", key, placed) for key in made]
        waits = [(arrival.at - placed).total_seconds() for arrival in arrived]
        self.screen.facts.latencies[
            f"order in 24SevenOffice, pulled every {PULL_SECONDS:.0f} s"
        ] = max(waits)
        for kind, key in (("customer", newcomer), ("product", product)):
            came = self._transferred(kind, key, placed)
            if came.cause != Cause.DEPENDENCY or came.at > arrived[-1].at:
                raise Stuck(f"the {kind} was not brought along by the order, but by {came.cause}")
        return "all arrived; an unknown customer and product were brought along"

    def _edits(self, _step: Step) -> str:
        product = self._client()["products"][0]
        customer = self._client()["companies"][0]
        self._edit("product", product["No"], {"sales_price": PRICE, "name": NAME})
        self._edit("customer", customer["Id"], {"address_street": STREET})
        client = self._client()
        shown, street = client["products"][0], client["companies"][0]["Addresses"]["Post"]["Street"]
        found = (float(shown["Price"]), shown["Name"], street)
        if found != (PRICE, NAME, STREET):
            raise Stuck(f"24SevenOffice shows {found} instead of the edits")
        return "both are in 24SevenOffice"

    def _edit(self, kind: str, key: object, changes: Json) -> None:
        edited = utc_now()
        self.rackbeat.edit(f"{kind}s", key, changes)
        arrival = self._transferred(kind, key, edited, Direction.RACKBEAT_TO_24SO)
        if arrival.cause != Cause.WEBHOOK:
            raise Stuck(f"the edit of the {kind} was not told by webhook, but by {arrival.cause}")
        waited = (arrival.at - edited).total_seconds()
        self.screen.facts.latencies[f"{kind} in Rackbeat, by webhook"] = waited

    def _again(self, step: Step) -> str:
        client = self._client()
        order, product = client["orders"][0], client["products"][0]
        saves = self._saves()
        changed = utc_now()
        self.tfso.edit("orders", order["OrderId"], change_of(order, client["products"][5]["Id"]))
        self.rackbeat.post(
            "/deliveries/repeat",
            {"event": "product.updated", "key": product["No"], "times": REPEATS},
        )
        self._transferred("order", order["OrderId"], changed)
        self._come_to_rest(step, REST_SECONDS)
        if self._saves() != saves:
            raise Stuck(f"24SevenOffice was written to: {self._saves()} after {saves}")
        return "the order followed, nothing was doubled"

    def _rows(self, step: Step) -> str:
        # Of what is never sent nothing is asked for either; here somebody did.
        self._connections(UNWANTED_EVENT).subscribe(SLUG)
        every_row = EveryRow(
            people=People(self.rackbeat, self.tfso, self.stack.rackbeat_url),
            sessions=self._open_sessions(),
            results=self.screen.facts.rows,
            settings_url=f"{self.stack.web_url}/api/connections/{SLUG}/settings",
            token=self.stack.environment()["VAREBRO_API_TOKEN"],
            clock=utc_now,
            wait=self._wait,
        )
        for phase in phases(PULL_SECONDS / 60):
            every_row.go_through(phase, ROW_SECONDS)
            self._come_to_rest(step, REST_SECONDS)
        return f"{len(self.screen.facts.rows)} of {len(ROWS)}"

    def _compare(self, _step: Step) -> str:
        self.refresh()
        clients = self.tfso.state()
        ours = clients.pop(str(FJELLHEIM.client_id))
        elsewhere = (records for each in clients.values() for records in each.values())
        self.ending = Ending(
            facts=self.screen.facts,
            comparison=compare(ours, self.rackbeat.state()),
            parked=self._parked(),
            moved_stock=self._moved_stock(),
            misplaced=sum(len(records) for records in elsewhere if isinstance(records, list)),
            unknown_fields=self.rackbeat.calls()["unknown_fields"],
        )
        self.problems += problems_of(self.ending)
        return f"{len(self.ending.comparison.differences)} differences"

    def _saves(self) -> dict[str, int]:
        """How often each writing operation of 24SevenOffice has been called."""
        calls: dict[str, int] = self.tfso.calls()["by_operation"]
        return {name: count for name, count in calls.items() if name.startswith("Save")}

    # -- looking and waiting --------------------------------------------------------------------

    def refresh(self) -> None:
        """Look at the facts that are shown."""
        with self._open_sessions()() as session:
            self.screen.facts.counts = tally_counts(tally(session, SLUG))
        for name, control in (("Rackbeat", self.rackbeat), ("24SevenOffice", self.tfso)):
            calls = control.calls()
            self.screen.facts.calls[name] = {n: calls[n] for n in ("total", "refused")}

    def _parked(self) -> list[Parked]:
        """The changes that need a person."""
        parked = select(Change).where(Change.state == State.PARKED.value).order_by(Change.key)
        with self._open_sessions()() as session:
            return [
                Parked(change.kind, change.key, change.message or "")
                for change in session.scalars(parked)
            ]

    def _moved_stock(self) -> int:
        """How many products' stock 24SevenOffice shows otherwise, though nobody counted them."""
        now = self._stock()
        counted = {r.target_key for r in self.screen.facts.rows if r.row.kind == "stock"}
        return sum(
            now[identity] != quantity
            for identity, quantity in self.stock.items()
            if str(identity) not in counted
        )

    def _stock(self) -> dict[int, str]:
        return {product["Id"]: product["Stock"] for product in self._client()["products"]}

    def _open_sessions(self) -> sessionmaker[Session]:
        if self.sessions is None:
            raise Stuck("there is no database yet")
        return self.sessions

    def _client(self) -> Json:
        """24SevenOffice's records."""
        client: Json = self.tfso.state()[str(FJELLHEIM.client_id)]
        return client

    def _transferred(
        self,
        kind: str,
        key: object,
        since: datetime,
        direction: Direction = Direction.TFSO_TO_RACKBEAT,
    ) -> Arrival:
        """The change of a record that was recorded since then, once it is done.

        Raises:
            Stuck: it is parked instead, or has not come.
        """
        newest = (
            select(Change)
            .where(
                Change.kind == kind,
                Change.key == str(key),
                Change.direction == direction.value,
                Change.recorded_at >= since,
            )
            .order_by(Change.id.desc())
        )

        def find() -> Arrival | None:
            with self._open_sessions()() as session:
                change = session.scalars(newest).first()
            if change is not None and change.state == State.PARKED.value:
                raise Stuck(f"{kind} {key} is parked: {change.message}")
            if change is None or change.state != State.DONE.value or change.finished_at is None:
                return None
            return Arrival(change.cause, change.finished_at)

        found: Arrival = self._wait(find, ROW_SECONDS, f"{kind} {key} has not arrived")
        return found

    def _come_to_rest(self, step: Step, seconds: float) -> None:
        """Wait until neither a webhook nor a change is under way."""

        def is_quiet() -> bool:
            pending = self.rackbeat.get("/deliveries")["pending"]
            with self._open_sessions()() as session:
                under_way = session.scalar(
                    select(func.count()).select_from(Change).where(Change.state.in_(OPEN))
                )
            self.screen.tell(step, f"{pending} webhooks and {under_way} changes under way")
            return not pending and not under_way

        self._wait(is_quiet, seconds, "it does not come to rest")

    def _wait(self, condition: Callable[[], Any], seconds: float, otherwise: str) -> Any:
        """Wait for something to be there; what it is.

        Raises:
            Stuck: it is not there in that time, or a process has ended by itself.
        """
        deadline = time.monotonic() + seconds
        looked = 0.0
        while not (found := condition()):
            self.interrupt.check()
            if time.monotonic() > deadline:
                raise Stuck(f"{otherwise} after {seconds:.0f} seconds")
            if fallen := self.stack.fallen():
                raise Stuck(f"ended by itself: {', '.join(fallen)}")
            if time.monotonic() - looked > LOOK_SECONDS:
                self.refresh()
                looked = time.monotonic()
            time.sleep(0.05)
        return found
