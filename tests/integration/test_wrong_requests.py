"""What a person asks for wrongly, by command line, HTTP or task, is refused in a sentence that
names it and says what to do; nothing is begun, and nothing is stored."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from shared.connections import NotUsable
from shared.operations import Operations
from shared.runs import start_run
from shared.settings import OrderStatus
from shared.tables import Run
from shared.words import Cause, Direction
from tasks.kinds import KINDS
from tests.harness.people import tfso_product
from tests.harness.poison import poison
from tests.harness.stored import everything_stored
from tests.harness.ways import carry_out, open_to_all, post
from tests.harness.world import SLUG, World
from workers.cli import app as cli
from workers.messages import task_name


class Clerk:
    """Asks in all three ways; what is answered when it is refused."""

    def __init__(self, world: World) -> None:
        self.world = world

    def by_cli(self, *arguments: str) -> str:
        result = CliRunner().invoke(cli, list(arguments), env={"COLUMNS": "500"})
        assert result.exit_code != 0, result.output
        return " ".join(result.output.split())

    def by_http(self, path: str, **body: Any) -> str:
        answer = post(self.world, path, **body)
        assert answer.status_code == 422, answer.text
        return str(answer.json()["detail"])

    def by_task(self, name: str, **arguments: Any) -> str:
        with pytest.raises(NotUsable) as refused:
            carry_out(name, **arguments)
        return str(refused.value)


@pytest.fixture
def clerk(the_world: World, monkeypatch: pytest.MonkeyPatch) -> Clerk:
    open_to_all(the_world, monkeypatch)
    the_world.connect()
    return Clerk(the_world)


def refused(clerk: Clerk, sentence: str, *ways: Callable[[], str]) -> None:
    """All these ways are refused with this sentence, and leave nothing."""
    before = everything_stored(clerk.world.sessions)
    assert [way() for way in ways] == [sentence] * len(ways)
    assert everything_stored(clerk.world.sessions) == before


# -- keys ---------------------------------------------------------------------------------------


def test_a_key_that_24sevenoffice_cannot_have_is_refused(clerk: Clerk) -> None:
    for kind, key in (("product", "10-1045"), ("customer", "abc"), ("order", "-7"), ("order", "٧")):
        asked = ("sync", "resync", SLUG)
        body = {"direction": "24so_to_rackbeat", "kind": kind, "keys": ["7", key]}
        refused(
            clerk,
            f"'{key}' is no Id of 24SevenOffice: its Ids are whole numbers. Rackbeat's number goes "
            "with the direction from Rackbeat (--from rackbeat).",
            partial(clerk.by_cli, *asked, "--", kind, key),
            partial(clerk.by_cli, *asked, "--dry-run", "--", kind, key),
            partial(clerk.by_http, f"{SLUG}/resync", **body),
            partial(clerk.by_task, f"{kind}.24so_to_rackbeat", connection=SLUG, key=key),
        )


# -- names --------------------------------------------------------------------------------------


def test_a_kind_a_system_or_a_connection_that_does_not_exist_is_refused(clerk: Clerk) -> None:
    kinds = "'prodct' is no kind. There are: " + ", ".join(KINDS) + "."
    wrong = {"connection": SLUG, "kinds": "prodct"}
    refused(
        clerk,
        kinds,
        partial(clerk.by_cli, "sync", "resync", SLUG, "prodct"),
        partial(clerk.by_cli, "sync", "resync", SLUG, "prodct", "7"),
        partial(clerk.by_cli, "sync", "pull", SLUG, "prodct"),
        partial(clerk.by_http, f"{SLUG}/resync", direction="24so_to_rackbeat", kind="prodct"),
        partial(clerk.by_task, "resync", **wrong),
        partial(clerk.by_task, "resync", **wrong | {"kinds": ["product", "prodct"]}),
        partial(clerk.by_task, "pull", connection=SLUG, kind="prodct"),
    )
    refused(
        clerk,
        "'xyz' is no system. Choose rackbeat or 24so.",
        partial(clerk.by_cli, "sync", "resync", SLUG, "--from", "xyz"),
        partial(clerk.by_task, "resync", connection=SLUG, source="xyz"),
        partial(clerk.by_task, "probe", connection=SLUG, system="xyz"),
    )
    refused(
        clerk,
        "No connection is called 'dalen'. `varebro connection list` shows them all.",
        partial(clerk.by_cli, "sync", "pull", "dalen"),
        partial(clerk.by_cli, "sync", "resync", "dalen"),
        partial(clerk.by_cli, "sync", "retry", "dalen"),
        partial(clerk.by_http, "dalen/resync", direction="24so_to_rackbeat"),
        partial(clerk.by_task, "pull", connection="dalen", kind="product"),
        partial(clerk.by_task, "probe", connection="dalen", system="24so"),
        partial(clerk.by_task, "retry", connection="dalen"),
        *(
            partial(clerk.by_task, name, connection="dalen")
            for name in ("resync", "initial_sync", "reconcile")
        ),
        *(
            partial(clerk.by_task, task_name(kind.name, way).removeprefix("varebro."),
                    connection="dalen", key="7")
            for kind in KINDS.values()
            for way in kind.directions
        ),
    )  # fmt: skip


def test_one_kind_may_be_named_without_a_list(clerk: Clerk) -> None:
    start_run(clerk.world.engine, SLUG, Cause.RESYNC, kinds="supplier")
    with clerk.world.sessions() as session:
        assert [run.kinds for run in session.scalars(select(Run))] == [["supplier"]]


# -- what does not go together --------------------------------------------------------------------


def test_a_kind_is_not_sent_the_way_it_never_travels(clerk: Clerk) -> None:
    way = "24so_to_rackbeat"
    refused(
        clerk,
        "stock never travels from 24SevenOffice to Rackbeat, only the other way. Choose the "
        "direction from Rackbeat (--from rackbeat).",
        partial(clerk.by_cli, "sync", "resync", SLUG, "stock"),
        partial(clerk.by_cli, "sync", "resync", SLUG, "stock", "--dry-run"),
        partial(clerk.by_cli, "sync", "resync", SLUG, "stock", "7"),
        partial(clerk.by_cli, "sync", "resync", SLUG, "stock", "7", "--dry-run"),
        partial(clerk.by_http, f"{SLUG}/resync", direction=way, kind="stock"),
        partial(clerk.by_http, f"{SLUG}/resync", direction=way, kind="stock", keys=["7"]),
        partial(clerk.by_task, "resync", connection=SLUG, kinds="stock"),
    )


def test_keys_and_a_span_of_time_are_not_taken_together(clerk: Clerk) -> None:
    time = "2026-11-24T08:00:00+01:00"
    asked = ("sync", "resync", SLUG, "product", "7")
    body = {"direction": "24so_to_rackbeat", "kind": "product", "keys": ["7"]}
    refused(
        clerk,
        "Name either keys or a span of time (since, until): records that are named are transferred "
        "whenever they have changed.",
        partial(clerk.by_cli, *asked, "--since", time),
        partial(clerk.by_cli, *asked, "--until", time, "--dry-run"),
        partial(clerk.by_http, f"{SLUG}/resync", **body, since=time),
        partial(clerk.by_http, f"{SLUG}/resync", **body, until=time),
        partial(clerk.by_task, "resync", connection=SLUG, kinds="product", keys=["7"], since=time),
    )


def test_keys_belong_to_one_kind(clerk: Clerk) -> None:
    given = {"connection": SLUG, "keys": ["7"]}
    refused(
        clerk,
        "Name the one kind the keys belong to.",
        partial(clerk.by_http, f"{SLUG}/resync", direction="24so_to_rackbeat", keys=["7"]),
        partial(clerk.by_task, "resync", **given),
        partial(clerk.by_task, "resync", **given, kinds=["product", "customer"]),
    )


def test_no_key_at_all_and_a_change_that_is_not_parked_are_no_success(clerk: Clerk) -> None:
    refused(
        clerk,
        "No key is named. Name at least one, or leave keys out to transfer every product.",
        partial(
            clerk.by_http, f"{SLUG}/resync",
            direction="24so_to_rackbeat", kind="product", keys=[],
        ),
    )  # fmt: skip
    refused(
        clerk,
        f"{SLUG} has no parked change 99999. `varebro status {SLUG}` shows those there are.",
        partial(clerk.by_cli, "sync", "retry", SLUG, "99999"),
    )


# -- previews -----------------------------------------------------------------------------------


def test_a_record_that_breaks_its_preview_is_shown_as_parked_beside_the_others(
    clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = (tfso_product(clerk.world, No=number, EAN1="") for number in ("GIFT", "FRISK"))
    poison(monkeypatch)
    operations = Operations(clerk.world.engine, actor="test")
    direction = Direction.TFSO_TO_RACKBEAT
    keys = [str(broken["Id"]), str(sound["Id"])]
    shown = {
        item.key: item for item in operations.preview_records(SLUG, "product", keys, direction)
    }
    parked = shown[str(broken["Id"])]
    assert (parked.outcome, parked.message) == (
        "parked",
        "An unexpected error (KeyError) stopped the transfer. This is a fault in Varebro: report "
        "it with the trace in the worker's log.",
    )
    assert shown[str(sound["Id"])].outcome == "created"


# -- settings -----------------------------------------------------------------------------------


def test_a_setting_is_refused_for_what_was_meant_and_not_as_the_text_it_is_written_in(
    clerk: Clerk,
) -> None:
    refused(
        clerk,
        'order.pull_statuses.1: "Nope" is not allowed. Choose ' + _any_of(get_args(OrderStatus)),
        partial(clerk.by_cli, "settings", "set", SLUG, "order.pull_statuses", '["Web", "Nope"]'),
    )
    refused(
        clerk,
        'order.origin: "rackbeet" is not allowed. Choose rackbeat, 24so or off.',
        partial(clerk.by_cli, "settings", "set", SLUG, "order.origin", "rackbeet"),
    )


def _any_of(choices: tuple[str, ...]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}."
