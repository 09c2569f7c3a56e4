"""The journal of changes: recorded, claimed, settled. PostgreSQL is the truth, always."""
