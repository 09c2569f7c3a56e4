"""The sandbox as a web application: the services at the vendor's paths, and the control."""

from __future__ import annotations

import re
from http import HTTPStatus

import uvicorn
from lxml import etree
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.faults import FaultMiddleware, Faults
from sandbox.tfso import authenticate, client, companies, orders, products, soap, tables
from sandbox.tfso.config import FJELLHEIM, PORT, SandboxConfig
from sandbox.tfso.control import control_routes
from sandbox.tfso.failures import LimitBroken, NotAuthenticated, SoapFault, TooFast
from sandbox.tfso.limits import CallLog, Quota
from sandbox.tfso.schema import TARGET, Operation, Service
from sandbox.tfso.seed import fill
from sandbox.tfso.state import Call, Handler, Sandbox
from sandbox.tfso.wsdl import describe

SESSION_COOKIE = "ASP.NET_SessionId"
_HANDLERS: dict[Service, dict[str, Handler]] = {
    tables.AUTHENTICATE: authenticate.OPERATIONS,
    tables.COMPANY: companies.OPERATIONS,
    tables.PRODUCT: products.OPERATIONS,
    tables.INVOICE: orders.OPERATIONS,
    tables.CLIENT: client.OPERATIONS,
}
# ASP.NET does not mind the case of a path.
_SERVICES = {service.path.lower(): service for service in _HANDLERS}
_ACTION = re.compile(r'action="?([^";]*)')


class CountCalls:
    """Notes every call to a service, before anything can go wrong with it."""

    def __init__(self, app: ASGIApp, *, calls: CallLog) -> None:
        self._app = app
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_call(scope):
            self._calls.note(operation_of(scope))
        await self._app(scope, receive, send)


def _is_call(scope: Scope) -> bool:
    return (
        scope["type"] == "http" and scope["method"] == "POST" and scope["path"].lower() in _SERVICES
    )


def operation_of(scope: Scope) -> str:
    """The operation a call is for, as its headers name it; "" when they do not."""
    headers = Headers(scope=scope)
    action = headers.get("soapaction", "").strip('" ')
    if not action and (match := _ACTION.search(headers.get("content-type", ""))):
        action = match[1]
    return action.removeprefix(f"{TARGET}/")


class Endpoint:
    """Answers the calls to all services."""

    def __init__(self, sandbox: Sandbox, calls: CallLog) -> None:
        self._sandbox = sandbox
        self._calls = calls
        self._quota = Quota(sandbox.config)

    async def __call__(self, request: Request) -> Response:
        service = _SERVICES.get(request.url.path.lower())
        if service is None:
            return Response("There is no service here.", HTTPStatus.NOT_FOUND)
        if request.method == "POST":
            response = self._answer(service, request, await request.body())
            response.headers.update(self._quota.headers())
            return response
        if "wsdl" not in {name.lower() for name in request.query_params}:
            return Response("Ask for ?WSDL.", HTTPStatus.METHOD_NOT_ALLOWED)
        base_url = f"{request.url.scheme}://{request.url.netloc}"
        return Response(describe(service, base_url), media_type="text/xml; charset=utf-8")

    def _answer(self, service: Service, request: Request, body: bytes) -> Response:
        version = soap.version_of(request.headers.get("content-type", ""))
        try:
            self._quota.take()
            return self._carry_out(service, request, version, body)
        except TooFast:
            self._calls.refused += 1
            return Response("Too many requests.", HTTPStatus.TOO_MANY_REQUESTS)
        except SoapFault as fault:
            self._calls.refused += isinstance(fault, LimitBroken)
            return Response(
                soap.write_fault(version, fault),
                HTTPStatus.INTERNAL_SERVER_ERROR,
                media_type=soap.content_type(version),
            )

    def _carry_out(self, service: Service, request: Request, version: str, body: bytes) -> Response:
        payload = soap.read_envelope(body, version)
        operation = _named(service, request, payload)
        session = self._sandbox.live_session(request.cookies.get(SESSION_COOKIE))
        call = Call(self._sandbox, session)
        if service is not tables.AUTHENTICATE and session is None:
            raise NotAuthenticated
        arguments = soap.read_arguments(service, operation, payload)
        result = _HANDLERS[service][operation.name](call, arguments)
        response = Response(
            soap.write_answer(version, service, operation, result),
            media_type=soap.content_type(version),
        )
        if call.cookie:
            response.set_cookie(SESSION_COOKIE, call.cookie, httponly=True)
        return response


def _named(service: Service, request: Request, payload: etree._Element) -> Operation:
    """The operation that headers and body agree on; SOAP 1.2 may leave it to the body."""
    in_body = etree.QName(payload).localname
    name = operation_of(request.scope)
    if not name and "soapaction" not in request.headers:
        name = in_body
    if name not in service.operations or name != in_body:
        raise SoapFault(
            f"Server did not recognize the value of HTTP Header SOAPAction: {name}.", sender=True
        )
    return service.operations[name]


def create_app(config: SandboxConfig | None = None) -> Starlette:
    """A new sandbox, with the seed data in it; its state is at `app.state.sandbox`."""
    sandbox = Sandbox(config or SandboxConfig())
    fill(sandbox.seeded_client, sandbox.config.seed, sandbox.config.size)
    faults, calls = Faults(), CallLog()
    app = Starlette(
        routes=[
            Mount("/_control", routes=control_routes(sandbox, faults, calls)),
            Route("/{path:path}", Endpoint(sandbox, calls).__call__, methods=["GET", "POST"]),
        ],
        middleware=[
            Middleware(CountCalls, calls=calls),
            Middleware(FaultMiddleware, faults=faults, operation_of=operation_of),
        ],
    )
    app.state.sandbox = sandbox
    return app


def how_to_connect(url: str) -> list[str]:
    """What `varebro connection add` takes for a sandbox at that address."""
    config = SandboxConfig()
    return [
        f"TFSO_USERNAME={config.username}",
        f"TFSO_PASSWORD={config.password}",
        f"TFSO_APPLICATION_ID={config.application_id}",
        f"--identity {FJELLHEIM.id}",
        f"--24so-url {url}",
    ]


def serve(host: str = "127.0.0.1", port: int = PORT, config: SandboxConfig | None = None) -> None:
    """Run a sandbox until the process is told to stop."""
    uvicorn.run(create_app(config), host=host, port=port, log_level="warning")
