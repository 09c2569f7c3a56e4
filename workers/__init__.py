"""The processes: Celery application, its schedule, the web process, the command line."""
