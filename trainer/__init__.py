"""The GPU side: a recipe and a build in, a checkpoint and answers out."""
