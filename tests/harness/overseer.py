"""Sees to it that whatever a test makes the product ask of a vendor, the vendor knows."""

from __future__ import annotations

from starlette.types import ASGIApp

from tests.harness import rackbeat_contract, tfso_contract
from tests.harness.recording import Recorder


class Overseer:
    """Put around both sandboxes; checks at the end, so that nothing on the way is disturbed."""

    def __init__(self) -> None:
        self._rackbeat = Recorder("Varebro")
        self._tfso = Recorder()

    def around_rackbeat(self, app: ASGIApp) -> ASGIApp:
        return self._rackbeat.around(app)

    def around_tfso(self, app: ASGIApp) -> ASGIApp:
        """Nothing where the published descriptions are not here."""
        return self._tfso.around(app) if tfso_contract.PUBLISHED.is_dir() else app

    def check(self) -> None:
        """Look at everything that was sent.

        Raises:
            AssertionError: some of it is in no source.
        """
        found = [
            each for sent in self._rackbeat.requests for each in rackbeat_contract.complaints(sent)
        ]
        found += [each for sent in self._tfso.requests for each in tfso_contract.complaints(sent)]
        assert not found, found
