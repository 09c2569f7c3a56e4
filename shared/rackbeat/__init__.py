"""Rackbeat: what its API means (pure), and a client that speaks it."""
