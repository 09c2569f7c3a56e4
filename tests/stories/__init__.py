"""Random stories of people who work in both systems."""
