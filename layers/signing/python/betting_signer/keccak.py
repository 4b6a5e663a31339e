"""Keccak-256 as Ethereum has it, by which addresses are spelt; the standard library has SHA-3 only.

Source: the Keccak reference, version 3.0, sections 1.2 and 2; the padding before FIPS 202.
"""

from __future__ import annotations

from typing import Final

_LANES: Final = (1 << 64) - 1
_RATE: Final = 136  # bytes that one round of the sponge takes in


def _constants() -> tuple[int, ...]:
    """Of the 24 rounds, by the shift register that defines them."""
    register, found = 1, []
    for _ in range(24):
        constant = 0
        for power in range(7):
            constant |= (register & 1) << ((1 << power) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        found.append(constant)
    return tuple(found)


_ROUNDS: Final = _constants()


def _turned(lane: int, by: int) -> int:
    return ((lane << by) | (lane >> (64 - by))) & _LANES if by else lane


def _permuted(state: list[int]) -> list[int]:
    """Keccak-f[1600]: lane (x, y) lies at ``x + 5 y``."""
    for constant in _ROUNDS:
        column = [
            state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20]
            for x in range(5)
        ]
        mixed = [column[x - 1] ^ _turned(column[(x + 1) % 5], 1) for x in range(5)]
        state = [lane ^ mixed[i % 5] for i, lane in enumerate(state)]
        x, y, lane = 1, 0, state[1]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            lane, state[x + 5 * y] = (
                state[x + 5 * y],
                _turned(lane, (step + 1) * (step + 2) // 2 % 64),
            )
        state = [
            state[i] ^ (~state[i - i % 5 + (i + 1) % 5] & state[i - i % 5 + (i + 2) % 5])
            for i in range(25)
        ]
        state[0] ^= constant
    return state


def keccak256(content: bytes) -> bytes:
    """The 32 bytes of Keccak-256."""
    padded = bytearray(content + b"\x01" + bytes(-(len(content) + 1) % _RATE))
    padded[-1] |= 0x80
    state = [0] * 25
    for start in range(0, len(padded), _RATE):
        block = padded[start : start + _RATE]
        for i in range(_RATE // 8):
            state[i] ^= int.from_bytes(block[8 * i : 8 * i + 8], "little")
        state = _permuted(state)
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])
