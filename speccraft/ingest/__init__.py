"""What a person has, as rows: one file per source format."""
