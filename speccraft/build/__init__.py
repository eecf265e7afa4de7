"""Carry out a plan: units of work, splits, ledger, shards, commit."""
