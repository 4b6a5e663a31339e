"""A real EVM in a process of its own, and relays before it that can fail and lie."""

from __future__ import annotations

import json
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount

from betting_ai.domain.chains import Asset
from betting_ai.domain.fees import Fee, FeeKind
from betting_ai.domain.transfers import Attempt, Transaction, transfer_call

HERE = Path(__file__).parent
GWEI = 10**9
COIN = 10**18


def account(number: int) -> LocalAccount:
    """One that nobody should ever send anything to."""
    made: LocalAccount = Account.from_key(number.to_bytes(32, "big"))
    return made


ALICE, BOB = account(0xA11CE), account(0xB0B)


def binary() -> Path:
    system = {"linux": "linux", "darwin": "darwin", "win32": "win32"}[sys.platform]
    machine = "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "amd64"
    name = "anvil.exe" if system == "win32" else "anvil"
    package = HERE / "node_modules" / "@foundry-rs" / f"anvil-{system}-{machine}"
    return package / "bin" / name


def post(url: str, body: bytes) -> Any:
    """An answer of JSON; without what a client for the whole internet needs to be made."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


@cache
def token_code() -> bytes:
    """The token's contract, compiled."""
    told = subprocess.run(
        [sys.executable, "-m", "vyper.cli.vyper_compile", "-f", "bytecode", "token.vy"],
        cwd=HERE / "contracts", capture_output=True, text=True, check=True,
    )  # fmt: skip
    return bytes.fromhex(told.stdout.strip().removeprefix("0x"))


@dataclass
class Chain:
    """A running chain."""

    chain_id: int
    url: str

    def __call__(self, method: str, *params: object) -> Any:
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        told = post(self.url, json.dumps(question).encode())
        if "error" in told:
            raise RuntimeError(told["error"])
        return told["result"]

    def fund(self, *accounts: LocalAccount, wei: int = 100 * COIN) -> None:
        for one in accounts:
            self("anvil_setBalance", one.address, hex(wei))

    def mine(self, blocks: int = 1, at: datetime | None = None) -> None:
        """Mine blocks; the first of them of a moment that is not before the newest block's."""
        if at is not None:
            self("evm_setNextBlockTimestamp", int(at.timestamp()))
        self("anvil_mine", hex(blocks))

    def mining(self, on: bool) -> None:
        self("evm_setAutomine", on)

    def balance(self, address: str) -> int:
        return int(self("eth_getBalance", address, "latest"), 16)

    def nonce(self, address: str) -> int:
        return int(self("eth_getTransactionCount", address, "latest"), 16)

    def receipt(self, tx_hash: str) -> Any:
        """Of a transaction that is mined at once, which is a moment after it is taken."""
        deadline = time.monotonic() + 20
        while (told := self("eth_getTransactionReceipt", tx_hash)) is None:
            if time.monotonic() > deadline:
                raise RuntimeError("the transaction is not mined")
            time.sleep(0.005)
        return told

    def token(
        self, owner: LocalAccount, supply: int, symbol: str = "USDT", polite: bool = False
    ) -> Asset:
        """A token of which an account holds everything."""
        code = token_code() + encode(["uint256", "bool"], [supply, polite])
        fee: dict[str, Any] = {"gasPrice": 5 * GWEI, "gas": 2_000_000, "value": 0, "data": code}
        raw = owner.sign_transaction(
            fee | {"chainId": self.chain_id, "nonce": self.nonce(owner.address)}
        ).raw_transaction
        told = self.receipt(self("eth_sendRawTransaction", "0x" + raw.hex()))
        return Asset(self.chain_id, symbol, _checksummed(told["contractAddress"]))


def _checksummed(address: str) -> str:
    from betting_ai.adapters.chain.signed import checksummed

    return checksummed(address)


@contextmanager
def evm(chain_id: int, *options: str) -> Iterator[Chain]:
    """A chain, from its first block on."""
    for _ in range(5):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = subprocess.Popen(
            [binary(), "--host", "127.0.0.1", "--port", str(port), "--chain-id", str(chain_id),
             "--silent", "--accounts", "1", *options],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            chain = Chain(chain_id, f"http://127.0.0.1:{port}")
            if _answers(chain, process):
                yield chain
                return
        finally:
            process.kill()
            process.wait()
    raise RuntimeError("the chain does not start")


def _answers(chain: Chain, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return int(chain("eth_chainId"), 16) == chain.chain_id
        except OSError:
            time.sleep(0.02)
    return False


Change = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass
class Relay:
    """An endpoint before a chain.

    Attributes:
        url: with a key in it, as providers make them.
        down: it hangs up.
        status: it answers this and nothing else.
        hangs: it never answers.
        swallows: it passes on what is sent and hangs up before it answers.
        body: it answers this.
        lie: what it makes of each answer.
        asked: methods, in order.
    """

    chain: Chain
    url: str = ""
    down: bool = False
    status: int = 200
    hangs: bool = False
    swallows: str | None = None
    body: bytes | None = None
    lies: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    ended: Event = field(default_factory=Event)

    def answer(self, body: bytes) -> bytes | None:
        questions = json.loads(body)
        many = questions if isinstance(questions, list) else [questions]
        self.asked += [one["method"] for one in many]
        if self.hangs:
            self.ended.wait(20)
        if self.down or self.hangs:
            return None
        told = post(self.chain.url, body)
        if self.swallows in {one["method"] for one in many}:
            return None
        by_id = {one["id"]: one["method"] for one in many}
        for one in told if isinstance(told, list) else [told]:
            lie = self.lies.get(by_id[one["id"]])
            if lie is not None and "result" in one:
                one["result"] = lie(one["result"])
        return json.dumps(told).encode()


@contextmanager
def relay(chain: Chain, key: str = "k3y-0f-a-pr0vider") -> Iterator[Relay]:
    """An endpoint whose address holds a key."""
    one = Relay(chain)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_POST(self) -> None:
            said = one.answer(self.rfile.read(int(self.headers["Content-Length"])))
            if said is None:
                return
            said = one.body if one.body is not None else said
            self.send_response(one.status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.url = f"http://127.0.0.1:{server.server_address[1]}/v1/{key}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield one
    finally:
        one.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def planned(
    chain: Chain,
    sender: LocalAccount,
    asset: Asset,
    to: str,
    units: int,
    fee: Fee | None = None,
    **fields: Any,
) -> Transaction:
    """A transfer, with fees and a gas limit that suffice."""
    payee, wei, data = transfer_call(asset, to, units)
    usual: dict[str, Any] = {
        "chain_id": chain.chain_id, "sender": sender.address, "to": payee, "value": wei,
        "data": data, "gas_limit": 100_000 if data else 21_000,
        "fee": fee or Fee.dynamic(5 * GWEI, GWEI),
    }  # fmt: skip
    if "nonce" not in fields:
        fields["nonce"] = chain.nonce(sender.address)
    return Transaction(**(usual | fields))


def signed(sender: LocalAccount, meant: Transaction) -> bytes:
    """As a signer would."""
    told: dict[str, Any] = {
        "chainId": meant.chain_id, "nonce": meant.nonce, "to": meant.to, "value": meant.value,
        "data": meant.data, "gas": meant.gas_limit,
    }  # fmt: skip
    if meant.fee.kind is FeeKind.LEGACY:
        told["gasPrice"] = meant.fee.max_per_gas
    else:
        told["type"] = 2
        told["maxFeePerGas"] = meant.fee.max_per_gas
        told["maxPriorityFeePerGas"] = meant.fee.priority_per_gas
    return bytes(sender.sign_transaction(told).raw_transaction)


def attempt(sender: LocalAccount, meant: Transaction, number: int = 0) -> Attempt:
    from betting_ai.adapters.chain.signed import verified_hash

    raw = signed(sender, meant)
    return Attempt(number, meant, raw, verified_hash(raw, meant))
