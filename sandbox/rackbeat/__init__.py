"""Rackbeat in miniature: a real HTTP server that answers and sends webhooks as Rackbeat does."""

from sandbox.rackbeat.app import create_app, serve
from sandbox.rackbeat.config import API_KEY, Config

__all__ = ["API_KEY", "Config", "create_app", "serve"]
