"""The web application; run with `varebro web`."""

from __future__ import annotations

import redis
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from shared.config import configuration
from workers.process import the_sessions
from workers.web import api, webhooks

log = structlog.get_logger()

app = FastAPI(title="Varebro", docs_url=None, redoc_url=None)
app.include_router(webhooks.router)
app.include_router(api.router)


def _told(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=422)


def _later(_request: Request, error: Exception) -> JSONResponse:
    log.warning("database not reached", error=type(error).__name__)
    return JSONResponse({"detail": "The database does not answer; try again."}, status_code=503)


# Whoever is told to come back later does: Rackbeat delivers again what is answered like this.
for passing in (OperationalError, NoConnectionFree):
    app.add_exception_handler(passing, _later)
for expected in api.EXPECTED:
    app.add_exception_handler(expected, _told)


@app.get("/healthz")
def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@app.get("/readyz")
def ready(response: Response) -> dict[str, str]:
    """Whether database and broker can be reached; 503 where one cannot.

    Webhooks need only the database: what they record is enqueued later.
    """
    found = {"database": _database(), "broker": _broker()}
    if "unreachable" in found.values():
        response.status_code = 503
    return found


def _database() -> str:
    try:
        with the_sessions()() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        log.warning("database not reached", error=type(error).__name__)
        return "unreachable"
    return "reached"


def _broker() -> str:
    url = configuration().broker_url.get_secret_value()
    client = redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    try:
        client.ping()
    except RedisError as error:
        log.warning("broker not reached", error=type(error).__name__)
        return "unreachable"
    finally:
        client.close()
    return "reached"
