"""How long changes take from one system to the other, measured on the whole system.

Everything runs as processes of this machine, both vendors as sandboxes with their real limits. The
figures say what the software costs; a real vendor's answers take longer.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from sandbox.control import SandboxControl
from sandbox.servers import data_folder
from sandbox.stack import Stack, wait_until
from sandbox.tfso.config import FJELLHEIM

CHECKOUT = Path(__file__).parent.parent
REPORT = CHECKOUT / ".local" / "bench.json"
GIVE_UP_SECONDS = 120.0
GROUP = 900
console = Console()


def _product(number: str, price: int) -> dict[str, object]:
    return {"number": number, "name": f"Vare {number}", "group": GROUP, "sales_price": price}


def _prices(tfso: SandboxControl) -> dict[str, str]:
    """Prices in 24SevenOffice by product number."""
    products = tfso.state()[str(FJELLHEIM.client_id)]["products"]
    return {product.get("No", ""): product.get("Price", "") for product in products}


def _wait_for(tfso: SandboxControl, wanted: dict[str, float], price: str) -> dict[str, float]:
    """Seconds from each product's edit until 24SevenOffice shows the price."""
    taken: dict[str, float] = {}

    def all_there() -> bool:
        now, prices = time.monotonic(), _prices(tfso)
        for number, edited_at in wanted.items():
            if number not in taken and prices.get(number) == price:
                taken[number] = now - edited_at
        return len(taken) == len(wanted)

    wait_until(all_there, GIVE_UP_SECONDS, "the edits are not all there")
    return taken


def _measure(stack: Stack, changes: int) -> dict[str, list[float]]:
    with SandboxControl(stack.rackbeat_url) as rackbeat, SandboxControl(stack.tfso_url) as tfso:
        rackbeat.add("product_groups", {"number": GROUP, "name": "Måling", "has_inventory": True})
        numbers = [f"MÅL-{position}" for position in range(changes)]
        made = {}
        for number in numbers:
            rackbeat.add("products", _product(number, 100))
            made[number] = time.monotonic()
        together = _wait_for(tfso, made, "100")
        alone: list[float] = []
        for number in numbers[:10]:
            rackbeat.edit("products", number, {"sales_price": 200})
            alone += _wait_for(tfso, {number: time.monotonic()}, "200").values()
    return {"created, all at once": list(together.values()), "edited, one by one": alone}


def main(changes: int = typer.Option(60, help="Products made at once")) -> None:
    """Measure the latency of changes from Rackbeat to 24SevenOffice."""
    with data_folder("bench", CHECKOUT) as folder:
        stack = Stack(folder)
        try:
            stack.start()
            stack.connect("bench")
            figures = _measure(stack, changes)
        finally:
            stack.stop()
    table = Table("changes", "number", "median s", "95 % s", "slowest s")
    report = {}
    for name, seconds in figures.items():
        last = statistics.quantiles(seconds, n=20, method="inclusive")[-1]
        median, slowest = statistics.median(seconds), max(seconds)
        table.add_row(name, str(len(seconds)), f"{median:.2f}", f"{last:.2f}", f"{slowest:.2f}")
        report[name] = {"number": len(seconds), "median": median, "p95": last, "slowest": slowest}
    console.print(table)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    typer.run(main)
