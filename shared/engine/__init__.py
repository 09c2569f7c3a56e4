"""The engine: takes one change from its source to its target. It knows no kind by name."""
