"""What lies in object storage, made local: sources as mirrors of which audio is fetched only to be decoded, workspaces as copies."""
