"""Rackbeat in miniature: a real HTTP server that answers and sends webhooks as Rackbeat does."""

from sandbox.rackbeat.app import create_app, how_to_connect, serve
from sandbox.rackbeat.config import API_KEY, PORT, Config

__all__ = ["API_KEY", "PORT", "Config", "create_app", "how_to_connect", "serve"]
