"""Plays schedules from the command line: many, or one of them with its story."""

from __future__ import annotations

import argparse
import secrets
import sys
import time

from tests.simulation.database import Database
from tests.simulation.schedule import play, quiet


def main() -> int:
    parser = argparse.ArgumentParser(prog="make sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many schedules to play")
    parser.add_argument("--first", type=int, help="the first seed; a fresh one when not given")
    parser.add_argument("--seed", type=int, help="play only this one, and tell its story")
    parser.add_argument("--postgres", help="address of a migrated, empty PostgreSQL database")
    options = parser.parse_args()
    database = Database(options.postgres)
    with quiet():
        if options.seed is not None:
            outcome = play(database, options.seed)
            print(outcome)
            return int(bool(outcome.broken))
        first = secrets.randbelow(10**9) if options.first is None else options.first
        return _many(database, range(first, first + options.seeds))


def _many(database: Database, seeds: range) -> int:
    begun, cpu = time.monotonic(), time.process_time()
    failed = 0
    for seed in seeds:
        outcome = play(database, seed)
        if outcome.broken:
            failed += 1
            print(outcome, f"Again: python -m tests.simulation --seed {seed}", sep="\n", flush=True)
    per_minute = len(seeds) / (time.monotonic() - begun) * 60
    a_core = len(seeds) / (time.process_time() - cpu) * 60
    print(
        f"{len(seeds)} schedules, seeds {seeds.start} to {seeds.stop - 1}: {failed} failed; "
        f"{per_minute:.0f} a minute, {a_core:.0f} a minute of one core's time"
    )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
