"""The web application; run with `varebro web`."""

from __future__ import annotations

import redis
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from starlette.requests import ClientDisconnect

from shared.config import configuration
from shared.settings import SettingsTooNewError
from workers.process import the_sessions
from workers.web import api, webhooks
from workers.web.plain import PROBLEMS, PlainAnswer, not_valid

log = structlog.get_logger()

# Of anything; Rackbeat's webhooks are far smaller, and a resync of thousands of keys has room.
LARGEST_BODY = 256 * 1024

app = FastAPI(
    title="Varebro",
    docs_url=None,
    redoc_url=None,
    redirect_slashes=False,
    max_body_size=LARGEST_BODY,
)
app.include_router(webhooks.router, responses=PROBLEMS)
app.include_router(api.router, responses=PROBLEMS)


def _told(_request: Request, error: Exception) -> Response:
    return PlainAnswer({"detail": str(error)}, status_code=422)


def _later(_request: Request, error: Exception) -> Response:
    log.warning("database not reached", error=type(error).__name__)
    return PlainAnswer({"detail": "The database does not answer; try again."}, status_code=503)


def _upgraded(_request: Request, error: Exception) -> Response:
    """While processes of two versions run side by side, one of the newer version takes it."""
    log.warning("settings of a newer version", reason=str(error))
    return PlainAnswer({"detail": str(error)}, status_code=503)


def _gone(_request: Request, _error: Exception) -> Response:
    """Whoever breaks off while sending is no fault of ours; nobody reads this answer."""
    return Response(status_code=400)


app.add_exception_handler(ClientDisconnect, _gone)
app.add_exception_handler(RequestValidationError, not_valid)
# Whoever is told to come back later does: Rackbeat delivers again what is answered like this.
for passing in (OperationalError, NoConnectionFree):
    app.add_exception_handler(passing, _later)
app.add_exception_handler(SettingsTooNewError, _upgraded)
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
