"""The commands about transfers, settings and links; part of `varebro`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import wraps
from getpass import getuser
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from sqlalchemy.exc import OperationalError

from shared.failures import Failure
from shared.settings import SettingsError
from shared.traces import described
from shared.vault import VaultError
from shared.words import Cause, Direction

if TYPE_CHECKING:
    from shared.operations import Intended, Operations

console = Console()
sync_app = typer.Typer(no_args_is_help=True, help="Start transfers by hand, or preview them.")
settings_app = typer.Typer(no_args_is_help=True, help="See and change a connection's settings.")
link_app = typer.Typer(no_args_is_help=True, help="Which records are the same thing.")

Slug = Annotated[str, typer.Argument(help="The connection's name")]
KindName = Annotated[str, typer.Argument(help="customer, supplier, product, order ...")]
From = Annotated[str, typer.Option("--from", help="rackbeat or 24so")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done")]
Time = Annotated[str | None, typer.Option(help="A time, such as 2026-11-24T08:00:00+01:00")]


def plainly(command: Callable[..., Any]) -> Callable[..., Any]:
    """Tell failures in a sentence instead of a trace, which may show secrets."""

    @wraps(command)
    def told(*args: Any, **kwargs: Any) -> Any:
        from shared.connections import NotUsable

        expected = (Failure, NotUsable, SettingsError, VaultError)
        try:
            return command(*args, **kwargs)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except expected as error:
            said = str(error)
        except OperationalError:
            said = (
                "The database cannot be reached, or refuses. Check VAREBRO_DATABASE_URL, and see "
                "the log of the database for the reason."
            )
        except Exception as error:  # noqa: BLE001 - told by its type and place
            said = f"An unexpected error, a fault in Varebro: {described(error)}"
        Console(stderr=True).print(said, style="red", markup=False, highlight=False)
        raise typer.Exit(1)

    return told


def _operations() -> Operations:
    from shared.operations import Operations
    from workers.process import the_engine

    return Operations(the_engine(), actor=getuser())


def _show(intended: Iterable[Intended]) -> None:
    counts: dict[str, int] = {}
    for item in intended:
        counts[item.outcome] = counts.get(item.outcome, 0) + 1
        if item.outcome == "unchanged":
            continue
        target = f" -> {item.target_key}" if item.target_key else ""
        _print(f"{item.outcome:9} {item.kind} {item.key}{target}")
        for name, (now, then) in item.fields.items():
            _print(f"            {name}: {now!r} -> {then!r}")
        for said in (item.message, *item.notes):
            if said:
                _print(f"            {said}")
    summary = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    console.print(f"Nothing was written. It would be: {summary or 'nothing'}.")


def _print(text: str) -> None:
    """As it is: what a record says may look like markup."""
    console.print(text, markup=False, highlight=False)


@sync_app.command("initial")
@plainly
def initial(slug: Slug, dry_run: DryRun = False) -> None:
    """Copy customers, suppliers, products and product groups from 24SevenOffice to Rackbeat."""
    operations = _operations()
    if dry_run:
        _show(operations.preview(slug, Cause.INITIAL, Direction.TFSO_TO_RACKBEAT))
        return
    _begin(operations, slug, Cause.INITIAL)


@sync_app.command("reconcile")
@plainly
def reconcile(slug: Slug) -> None:
    """Compare both systems whole; repair what differs where the settings allow it."""
    _begin(_operations(), slug, Cause.RECONCILE)


def _begin(operations: Operations, slug: str, cause: Cause, **options: Any) -> None:
    run = operations.begin(slug, cause, **options)
    console.print(f"Run {run} is under way; `varebro status {slug}` shows how far it is.")


@sync_app.command("pull")
@plainly
def pull_now(
    slug: Slug, kind: Annotated[str | None, typer.Argument(help="Only this kind")] = None
) -> None:
    """Ask 24SevenOffice now what has changed."""
    from shared.pulls import pulled_kinds

    operations = _operations()
    wanted = pulled_kinds(operations.settings(slug), operations.engine.kinds)
    for name in wanted if kind is None else [kind]:
        console.print(f"{name}: {operations.pull(slug, name)} changes")


@sync_app.command("resync")
@plainly
def resync(  # noqa: PLR0917 - typer calls it by name
    slug: Slug,
    kind: Annotated[str | None, typer.Argument(help="Only this kind")] = None,
    keys: Annotated[
        list[str] | None, typer.Argument(help="Only these numbers (Rackbeat) or Ids (24SO)")
    ] = None,
    source: From = "24so",
    since: Time = None,
    until: Time = None,
    dry_run: DryRun = False,
) -> None:
    """Transfer again, whatever was transferred before: records, a kind, a time span, everything."""
    from shared.operations import check_no_span, system_called, time_asked_for

    operations = _operations()
    span = {"since": time_asked_for(since), "until": time_asked_for(until)}
    direction = Direction.away_from(system_called(source))
    kinds = None if kind is None else [operations.kind(kind)]
    if kind is not None and keys:
        check_no_span(**span)
        if dry_run:
            _show(operations.preview_records(slug, kind, keys, direction))
        else:
            count = operations.resync(slug, kind, keys, direction)
            console.print(f"{count} on their way.")
    elif dry_run:
        _show(operations.preview(slug, Cause.RESYNC, direction, kinds, **span))
    else:
        _begin(operations, slug, Cause.RESYNC, direction=direction, kinds=kinds, **span)
    if not dry_run and (reason := operations.skipped(slug, kinds, direction)) is not None:
        console.print(reason, markup=False, highlight=False)


@sync_app.command("retry")
@plainly
def retry(
    slug: Slug,
    change: Annotated[int | None, typer.Argument(help="Only the change of this id")] = None,
    dry_run: DryRun = False,
) -> None:
    """Try everything again that is parked, or one change."""
    if dry_run:
        _show(_operations().preview_retry(slug, change))
        return
    console.print(f"{_operations().retry_parked(slug, change)} on their way.")


@settings_app.command("show")
@plainly
def show_settings(slug: Slug) -> None:
    """All settings, defaults included."""
    console.print_json(_operations().settings(slug).model_dump_json())


@settings_app.command("set")
@plainly
def set_setting(
    slug: Slug,
    name: Annotated[str, typer.Argument(help="Such as product.origin")],
    value: Annotated[str, typer.Argument(help="Text, or JSON; 'default' for the default")],
) -> None:
    """Change one setting; who did it is kept."""
    operations = _operations()
    try:
        parsed: Any = None if value == "default" else json.loads(value)
    except json.JSONDecodeError:
        parsed = value
    try:
        operations.change_settings(slug, {name: parsed})
    except SettingsError as refused:
        # It may be meant as text: a product's number, for instance, is text even if all digits.
        try:
            operations.change_settings(slug, {name: value})
        except SettingsError:
            raise refused from None
    console.print(f"{name} is changed. What is under way follows the new setting.")


@link_app.command("remove")
@plainly
def unlink(
    slug: Slug, kind: KindName, number: Annotated[str, typer.Argument(help="In Rackbeat")]
) -> None:
    """Forget that two records are the same thing; the next transfer matches or creates anew."""
    _operations().unlink(slug, kind, number)
    console.print(f"{kind} {number} is not linked any more.")


@link_app.command("renumber")
@plainly
def renumber(
    slug: Slug,
    kind: KindName,
    old: Annotated[str, typer.Argument(help="The number Rackbeat had")],
    new: Annotated[str, typer.Argument(help="The number it has now")],
) -> None:
    """Let a link follow a record that has a new number in Rackbeat."""
    _operations().relink(slug, kind, old, new)
    console.print(f"{kind} {old} is known as {new} from now on.")
