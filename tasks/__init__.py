"""What happens to each kind of record: one module a kind, both systems side by side."""
