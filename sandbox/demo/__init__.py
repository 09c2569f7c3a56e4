"""The main job from start to end, on sandboxes of both systems: `varebro demo`."""

from __future__ import annotations

import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

from sandbox.demo.interrupt import Interrupt, interruptible
from sandbox.demo.screen import Screen, facts_tables
from sandbox.demo.story import TITLES, Story
from sandbox.demo.verdict import as_json, print_ending, write_report
from sandbox.servers import data_folder
from sandbox.stack import Stack

CHECKOUT = Path(__file__).parent.parent.parent
LOCAL = CHECKOUT / ".local"  # git-ignored
REPORT, LOGS = LOCAL / "demo.json", LOCAL / "demo-logs"
INTERRUPTED = 130  # what a shell shows for a command ended by Ctrl-C


def run_demo(console: Console, *, serve: bool = False) -> int:
    """Run the demo; the process's exit status: 0 when all is as it has to be, 130 after Ctrl-C.

    Args:
        serve: keep everything running afterwards, until Ctrl-C.
    """
    with interruptible() as interrupt:
        try:
            with data_folder("demo", CHECKOUT) as folder:
                return _on_a_stack(console, folder, interrupt, serve=serve)
        except KeyboardInterrupt:
            return INTERRUPTED
        finally:
            if interrupt.asked:
                console.print("Interrupted. Every process has ended.")


def _on_a_stack(console: Console, folder: Path, interrupt: Interrupt, *, serve: bool) -> int:
    settings = {
        "SWEEP_SECONDS": "0.5",
        "API_TOKEN": secrets.token_urlsafe(16),
        # Closer to the 480 that Rackbeat allows than the default: all that is shown takes a minute.
        "RACKBEAT_CALLS_PER_MINUTE": "475",
    }
    stack = Stack(folder, settings=settings)
    try:
        try:
            good = _tell(console, stack, interrupt)
            if serve:
                with suppress(KeyboardInterrupt):
                    _keep_running(console, stack, interrupt)
        finally:
            if interrupt.asked:
                console.print("\nEnding every process ...")
            stack.stop()
    finally:
        stack.stop()  # once more: Ctrl-C may have come while it was stopping
    return 0 if good else 1


def _tell(console: Console, stack: Stack, interrupt: Interrupt) -> bool:
    """The whole story and its report; whether all is as it has to be."""
    with Screen(console, list(TITLES.values())) as screen:
        story = Story(stack, screen, interrupt)
        story.tell()
    if not console.is_terminal:  # where it is one the tables are there already
        console.print(facts_tables(screen.facts))
    print_ending(console, story.ending, story.problems, screen.seconds)
    steps = {name: step.seconds for name, step in story.steps.items()}
    write_report(as_json(story.ending, story.problems, steps, screen.seconds), REPORT)
    if story.problems:
        shutil.copytree(stack.logs, LOGS, dirs_exist_ok=True)
        console.print(f"What the processes logged: {LOGS.relative_to(CHECKOUT)}")
    console.print(
        f"The same as JSON: {REPORT.relative_to(CHECKOUT)}. To look around, `make serve` keeps it "
        "all running and tells the web address, and Flower's address and login.",
        soft_wrap=True,
    )
    return not story.problems


def _keep_running(console: Console, stack: Stack, interrupt: Interrupt) -> None:
    user, _, password = stack.flower_login.partition(":")
    token = stack.environment()["VAREBRO_API_TOKEN"]
    console.print(
        Text(
            f"\nEverything keeps running until Ctrl-C:\n"
            f"  Varebro        {stack.web_url}  (API token {token})\n"
            f"  Flower         {stack.flower_url}  (user {user}, password {password})\n"
            f"  Rackbeat       {stack.rackbeat_url}/_control/state\n"
            f"  24SevenOffice  {stack.tfso_url}/_control/state\n"
            f"  logs           {stack.logs}"
        )
    )
    told: set[str] = set()
    while True:
        interrupt.check()
        for name in set(stack.fallen()) - told:
            told.add(name)
            console.print(f"[red]{name} has ended by itself[/red]; its log says why.")
        time.sleep(0.5)
