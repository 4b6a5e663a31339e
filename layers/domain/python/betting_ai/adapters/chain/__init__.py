"""Blockchains of the EVM kind over JSON-RPC; nothing here ever holds a key."""
