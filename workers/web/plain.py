"""How the API reads JSON and answers it, so that nothing a sender writes makes it fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic_core import from_json

from shared.storable import is_storable


class Problem(BaseModel):
    """Why a request was not carried out, in words."""

    detail: str


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": description}
    for status, description in {
        400: "The body is not what it claims to be.",
        401: "The token is missing or wrong.",
        413: "The body is too large.",
        422: "It cannot be done; nothing has been changed.",
        503: "It cannot be done just now; try again.",
    }.items()
}


class PlainRequest(Request):
    """A request whose JSON is that of the standard: no NaN, no half characters, not too deep."""

    async def json(self) -> Any:
        try:
            said = from_json(await self.body(), allow_inf_nan=False)
        except ValueError as error:
            raise HTTPException(400, f"The body is not JSON: {error}.") from None
        if not is_storable(said):
            raise HTTPException(422, "A text in the body holds the character NUL.")
        return said


class PlainRoute(APIRoute):
    """A route that reads its body so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def plain(request: Request) -> Response:
            return await handler(PlainRequest(request.scope, request.receive))

        return plain


class PlainAnswer(JSONResponse):
    """JSON in ASCII: it may quote anything that was sent."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode("ascii")


def not_valid(_request: Request, error: Exception) -> PlainAnswer:
    """What is wrong with a request, without what was sent: it may hold anything."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - only those come here
    problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return PlainAnswer({"detail": "\n".join(problems)}, status_code=422)
