"""The desk between whoever asks for transfers, the signer, and the chain; no key is here."""
