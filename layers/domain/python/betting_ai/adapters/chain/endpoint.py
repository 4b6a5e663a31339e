"""One endpoint of a chain: what it tells, as ours, and every way of failing as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, cast

import httpx
from hexbytes import HexBytes
from pydantic import SecretStr
from web3 import Web3
from web3.exceptions import (
    BlockNotFound,
    ContractLogicError,
    TransactionNotFound,
    Web3RPCError,
)
from web3.middleware import ExtraDataToPOAMiddleware
from web3.types import BlockData, TxParams, TxReceipt

from betting_ai.adapters.chain.transport import EndpointFailedError, RpcLimits, RpcProvider
from betting_ai.domain.chains import Asset, Chain
from betting_ai.domain.transfers import Block, Moved, Receipt, Rejection, Sighting
from betting_ai.errors import DomainError, InsufficientFundsError, TransferRevertsError

T = TypeVar("T")

_BALANCE_OF: Final = bytes.fromhex("70a08231")  # of balanceOf(address), ERC-20
_TRANSFER: Final = bytes.fromhex(  # topic of Transfer(address,address,uint256), ERC-20
    "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
)
_WORD: Final = 32

_KNOWN: Final = ("already known", "already imported", "known transaction", "alreadyknown")
_FUNDS: Final = ("insufficient funds", "insufficient balance")
_REASONS: Final = (
    (("nonce too low",), Rejection.NONCE_USED),
    (("nonce too high",), Rejection.NONCE_TOO_HIGH),
    (("replacement transaction underpriced",), Rejection.REPLACEMENT_UNDERPRICED),
    (_FUNDS, Rejection.INSUFFICIENT_FUNDS),
    (("intrinsic gas", "exceeds block gas limit"), Rejection.GAS),
    (("underpriced", "block base fee", "too low", "below the min"), Rejection.UNDERPRICED),
)
"""What nodes say, in lower case; the first that fits."""


@dataclass(frozen=True)
class Reading:
    """What an endpoint tells at a block.

    Attributes:
        block: the block, read before and after.
        told: what was asked for.
        hint: what endpoints need not agree about.
    """

    block: Block
    told: Any
    hint: Any = None


class Endpoint:
    """An endpoint, named by its place; whatever goes wrong is an `EndpointFailedError`."""

    def __init__(self, name: str, chain: Chain, url: SecretStr, limits: RpcLimits) -> None:
        self.name = name
        self._limits = limits
        self._provider = RpcProvider(url, limits)
        # None of web3's own middleware: they ask more than they are asked, and fill in fields.
        middleware = [ExtraDataToPOAMiddleware] if chain.authority else []
        self._web3 = Web3(self._provider, middleware=middleware)

    def close(self) -> None:
        """Let go of the connections."""
        self._provider.close()

    def head(self) -> tuple[int, Block]:
        """Its chain's id and its newest block."""

        def work(web3: Web3) -> tuple[int, Block]:
            with web3.batch_requests() as batch:
                batch.add(web3.eth.chain_id)
                batch.add(web3.eth.get_block("latest"))
                chain_id, block = cast(tuple[Any, Any], batch.execute())
            return int(chain_id), _block(block)

        return self._ask(work)

    def balances(self, number: int, address: str, assets: Sequence[Asset]) -> Reading:
        """What an address holds at a block: smallest units in the order of the assets.

        One batch of JSON-RPC: it needs no contract of a third party on the chain, as calls that a
        contract bundles would, and is one round trip all the same.
        """
        owner = bytes.fromhex(address[2:]).rjust(_WORD, b"\0")

        def work(web3: Web3) -> Reading:
            with web3.batch_requests() as batch:
                batch.add(web3.eth.get_block(number))
                for asset in assets:
                    if asset.contract is None:
                        batch.add(web3.eth.get_balance(address, number))  # type: ignore[arg-type]
                    else:
                        call = {"to": asset.contract, "data": HexBytes(_BALANCE_OF + owner)}
                        batch.add(web3.eth.call(cast(TxParams, call), number))
                batch.add(web3.eth.get_block(number))
                first, *told, last = cast(list[Any], batch.execute())
            return Reading(_same(first, last), tuple(map(_units, told)))

        return self._ask(work)

    def nonces(self, number: int, address: str) -> Reading:
        """Transactions of an address up to a block; as a hint, with those that wait."""

        def work(web3: Web3) -> Reading:
            with web3.batch_requests() as batch:
                batch.add(web3.eth.get_block(number))
                batch.add(web3.eth.get_transaction_count(address, number))  # type: ignore[arg-type]
                batch.add(web3.eth.get_transaction_count(address, "pending"))  # type: ignore[arg-type]
                batch.add(web3.eth.get_block(number))
                first, used, pending, last = cast(list[Any], batch.execute())
            return Reading(_same(first, last), int(used), int(pending))

        return self._ask(work)

    def view(self, number: int, settled: int, transactions: Mapping[str, str]) -> Reading:
        """Nonces used up to two blocks, and receipts up to the first; as a hint, what waits."""
        senders = sorted(set(transactions.values()))

        def work(web3: Web3) -> Reading:
            first = web3.eth.get_block(number)
            counts = {
                sender: tuple(
                    int(web3.eth.get_transaction_count(cast(Any, sender), at))
                    for at in (number, settled)
                )
                for sender in senders
            }
            seen = {one: _sighting(web3, one, number) for one in transactions}
            last = web3.eth.get_block(number)
            receipts = {one: sighting.receipt for one, sighting in seen.items()}
            waiting = frozenset(one for one, sighting in seen.items() if sighting.pending)
            return Reading(_same(first, last), (counts, receipts), waiting)

        return self._ask(work)

    def gas(self, sender: str, to: str, value: int, data: bytes) -> int:
        """An estimate of the gas that a transaction uses.

        Raises:
            InsufficientFundsError: the sender has not enough of the chain's coin.
            TransferRevertsError: the contract refuses.
        """
        call = {"from": sender, "to": to, "value": value, "data": HexBytes(data)}

        def work(web3: Web3) -> int:
            refused: DomainError | None = None
            try:
                return int(web3.eth.estimate_gas(cast(TxParams, call)))
            except ContractLogicError:
                refused = TransferRevertsError("the contract refuses this transfer")
            except Web3RPCError as error:
                if not _says(_words(error), _FUNDS):
                    raise
                refused = InsufficientFundsError("the address does not hold that much")
            raise refused

        return self._ask(work)

    def prices(self) -> tuple[int, int, int]:
        """In wei per gas: the price and the priority fee it suggests, and the base fee."""

        def work(web3: Web3) -> tuple[int, int, int]:
            with web3.batch_requests() as batch:
                batch.add(web3.eth.gas_price)
                batch.add(web3.eth.max_priority_fee)
                batch.add(web3.eth.get_block("latest"))
                price, priority, block = cast(list[Any], batch.execute())
            return int(price), int(priority), int(block.get("baseFeePerGas", 0))

        return self._ask(work)

    def send(self, raw: bytes, tx_hash: str) -> Rejection | None:
        """Hand a signed transaction over; None where it has it now, whoever brought it."""

        def work(web3: Web3) -> Rejection | None:
            try:
                told = web3.eth.send_raw_transaction(HexBytes(raw))
            except Web3RPCError as error:
                words = _words(error)
            else:
                if told.to_0x_hex() != tx_hash:
                    raise EndpointFailedError("took the transaction for another")
                return None
            if _says(words, _KNOWN) or _knows(web3, tx_hash):
                return None
            fits = (reason for signs, reason in _REASONS if _says(words, signs))
            return next(fits, Rejection.OTHER)

        return self._ask(work)

    def _ask(self, work: Callable[[Web3], T]) -> T:
        try:
            return work(self._web3)
        except (DomainError, EndpointFailedError):
            raise
        except httpx.TimeoutException:
            why = f"gave no answer within {self._limits.timeout:g} s"
        except (httpx.TransportError, httpx.InvalidURL) as error:
            why = f"cannot be reached ({type(error).__name__})"
        except BlockNotFound:
            why = "does not have the block"
        except Web3RPCError as error:
            why = f"answered an error ({_code(error)})"
        except Exception as error:  # a malformed answer can break web3 anywhere
            why = f"gave an answer that cannot be understood ({type(error).__name__})"
        # Raised out here, it carries nothing of theirs along: what they raise names the address.
        raise EndpointFailedError(why)


def _block(told: BlockData) -> Block:
    at = datetime.fromtimestamp(int(told["timestamp"]), UTC)
    return Block(int(told["number"]), HexBytes(told["hash"]).to_0x_hex(), at)


def _same(first: BlockData, last: BlockData) -> Block:
    before, after = _block(first), _block(last)
    if before != after:
        raise EndpointFailedError("changed the block while it was read")
    return after


def _units(told: int | bytes) -> int | None:
    """A balance; None where there is no contract to tell it."""
    if isinstance(told, int):
        return told
    if not told:
        return None
    if len(told) != _WORD:
        raise EndpointFailedError("told a balance that is no number")
    return int.from_bytes(told, "big")


def _sighting(web3: Web3, tx_hash: str, number: int) -> Sighting:
    """What is known of a transaction in the chain up to a block."""
    try:
        told = web3.eth.get_transaction_receipt(cast(Any, tx_hash))
    except TransactionNotFound:
        return Sighting(pending=_knows(web3, tx_hash))
    receipt = _receipt(told)
    if receipt.block_number > number:
        return Sighting(pending=True)
    # A node may keep the receipt of a block that the chain has left.
    stands = HexBytes(web3.eth.get_block(receipt.block_number)["hash"]).to_0x_hex()
    if stands != receipt.block_hash:
        return Sighting(pending=_knows(web3, tx_hash))
    return Sighting(receipt=receipt)


def _knows(web3: Web3, tx_hash: str) -> bool:
    try:
        web3.eth.get_transaction(cast(Any, tx_hash))
    except TransactionNotFound:
        return False
    return True


def _receipt(told: TxReceipt) -> Receipt:
    return Receipt(
        HexBytes(told["transactionHash"]).to_0x_hex(),
        int(told["blockNumber"]),
        HexBytes(told["blockHash"]).to_0x_hex(),
        succeeded=int(told["status"]) == 1,
        gas_used=int(told["gasUsed"]),
        gas_price=int(told["effectiveGasPrice"]),
        moved=tuple(
            Moved(
                str(log["address"]),
                _address(log["topics"][1]),
                _address(log["topics"][2]),
                int.from_bytes(log["data"], "big"),
            )
            for log in told["logs"]
            if len(log["topics"]) == 3 and bytes(log["topics"][0]) == _TRANSFER
        ),
    )


def _address(topic: bytes) -> str:
    return str(Web3.to_checksum_address("0x" + bytes(topic)[-20:].hex()))


def _words(error: Web3RPCError) -> str:
    """What a node says, in lower case; to be matched, never shown."""
    told = (error.rpc_response or {}).get("error")
    said = told.get("message") if isinstance(told, dict) else told
    return str(said).lower()


def _code(error: Web3RPCError) -> str:
    told = (error.rpc_response or {}).get("error")
    code = told.get("code") if isinstance(told, dict) else None
    return str(code) if isinstance(code, int) else "without a code"


def _says(words: str, signs: Sequence[str]) -> bool:
    return any(sign in words for sign in signs)
