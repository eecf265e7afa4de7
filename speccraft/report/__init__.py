"""Judge a build: findings, one HTML page, cards."""
