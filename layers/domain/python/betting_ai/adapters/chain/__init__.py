"""Blockchains of the EVM kind over JSON-RPC; nothing here ever holds a key."""

import sys

# A library below web3 raises the limit of recursion for the whole process: a nested answer of an
# endpoint would then end in a fault of C, and not in an error.
_limit = sys.getrecursionlimit()
import web3 as _web3  # noqa: E402, F401 - loaded for that alone

sys.setrecursionlimit(_limit)
