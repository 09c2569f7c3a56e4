"""The web process: receives webhooks, answers health checks."""
