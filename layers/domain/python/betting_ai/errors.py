"""Everything that can go wrong in a way a person can act on.

Each error has a stable ``code`` (machines match on it) and a one-line message that says what to
do. The command line turns them into one line on stderr and an exit code, the API into
problem+json.
"""

from __future__ import annotations


class DomainError(Exception):
    """A failure with a stable code and one clear line.

    Attributes:
        code: stable identifier in snake_case.
        exit_code: what the command line exits with (1 failed, 2 usage, 3 nothing to do).
    """

    code = "failed"
    exit_code = 1


class InvalidInputError(DomainError):
    """A value that cannot be right: a price of 1, a negative bankroll, an unknown profile."""

    code = "invalid_input"
    exit_code = 2


class UnknownLeagueError(InvalidInputError):
    """A league code that no feed has."""

    code = "unknown_league"


class LookAheadError(DomainError):
    """Something asked for a fact that was not known at ``as_of``."""

    code = "look_ahead"


class NotFoundError(DomainError):
    """There is nothing of this name."""

    code = "not_found"


class NothingToDoError(DomainError):
    """There is no data for what was asked; nothing is broken."""

    code = "nothing_to_do"
    exit_code = 3


class ExtraMissingError(DomainError):
    """Libraries that only some commands need are not installed."""

    code = "extra_missing"


class FeedError(DomainError):
    """A feed answered something that cannot be used."""

    code = "feed_failed"


class FeedOfflineError(FeedError):
    """A feed could not be reached."""

    code = "feed_offline"


class NotTabularError(FeedError):
    """A payload is not the table it should be (an HTML page, binary noise, no header)."""

    code = "not_tabular"


class NotJsonError(FeedError):
    """A payload is not the JSON document it should be."""

    code = "not_json"


class FeedKeyError(FeedError):
    """A feed does not accept the key."""

    code = "feed_key_refused"


class FeedQuotaError(FeedError):
    """The next question to a feed would cost more than is left of its quota or of the budget."""

    code = "feed_quota"


class FeedPausedError(FeedOfflineError):
    """A feed failed again and again, and is left alone for a while."""

    code = "feed_paused"


class ObjectMissingError(DomainError):
    """Nothing is kept under this digest."""

    code = "object_missing"


class ObjectDamagedError(DomainError):
    """What is kept does not have the digest it is kept under."""

    code = "object_damaged"


class ModelError(DomainError):
    """A model artifact cannot be used."""

    code = "model_failed"


class ModelMissingError(ModelError):
    """No artifact, or a file of it is not there."""

    code = "model_missing"


class ModelChecksumError(ModelError):
    """A file of an artifact is not the one its manifest names."""

    code = "model_checksum"


class SpecMismatchError(ModelError):
    """A model was trained on another feature spec than the one this version builds."""

    code = "spec_mismatch"


class NoModelBeforeError(ModelError):
    """Every model was trained on matches at or after ``as_of``: there is nothing to answer with."""

    code = "no_model_before"
    exit_code = 3


class DatabaseUnavailableError(DomainError):
    """The database cannot be reached or started."""

    code = "database_unavailable"


class StorageFullError(DomainError):
    """What has to be kept cannot be written for now."""

    code = "storage_full"


class StorageUnavailableError(DomainError):
    """Where objects or notes are kept cannot be reached, or refuses."""

    code = "storage_unavailable"


class EnvironmentUnavailableError(DomainError):
    """An environment cannot be reached, or failed to do what was asked of it."""

    code = "environment_unavailable"


class NotifyError(DomainError):
    """A message could not be handed over, or not to everyone."""

    code = "notify_failed"


class VenueError(DomainError):
    """A venue did not do what was asked."""

    code = "venue_failed"


class VenueOfflineError(VenueError):
    """The call surely did not arrive, or was turned away before anything happened."""

    code = "venue_offline"


class VenueUnknownError(VenueError):
    """A bet was sent, and whether it was taken is not known; only asking can tell."""

    code = "venue_unknown"


class VenueAnswerError(VenueError):
    """The venue's answer cannot be understood."""

    code = "venue_answer"


class ProtectionError(DomainError):
    """A protection stands against a bet; nothing overrules one."""

    code = "protected"


class PriceMovedError(DomainError):
    """A price is below the least at which the bet is worth taking."""

    code = "price_moved"


class NotOfferedError(DomainError):
    """A venue does not offer what was asked for."""

    code = "not_offered"


class RecordBrokenError(DomainError):
    """An entry of the record is not what was published."""

    code = "record_broken"


class VenueOffError(VenueError):
    """A venue that takes real money was asked for and is not switched on."""

    code = "venue_off"


class RateLimitedError(DomainError):
    """Too many calls in too little time.

    Attributes:
        retry_after: seconds until the next call may be made.
    """

    code = "rate_limited"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class WalletOffError(DomainError):
    """There is no wallet, or it is not switched on."""

    code = "wallet_off"


class ChainError(DomainError):
    """A blockchain did not answer, or what it answered cannot be relied on."""

    code = "chain_failed"


class ChainOfflineError(ChainError):
    """Too few endpoints of a chain answer."""

    code = "chain_offline"


class ChainDisagreementError(ChainError):
    """Endpoints of a chain tell different things about the same block, or of different chains."""

    code = "chain_disagreement"


class ChainBehindError(ChainError):
    """A chain does not have what was final on it: it is another one, or was begun anew."""

    code = "chain_behind"


class InsufficientFundsError(ChainError):
    """An address does not hold what a transfer and its fee need."""

    code = "insufficient_funds"


class TransferRevertsError(ChainError):
    """A token's contract refuses a transfer."""

    code = "transfer_reverts"


class FeeTooHighError(DomainError):
    """A fee is above its ceiling."""

    code = "fee_too_high"


class WrongTransactionError(DomainError):
    """Signed bytes are not the transaction that was meant, and are not sent."""

    code = "wrong_transaction"


class TransferConflictError(DomainError):
    """A transfer changed since it was read; it is read again the next time."""

    code = "transfer_conflict"


class VenueNotAvailableError(VenueError):
    """A venue cannot be bet at from here."""

    code = "venue_not_available"


class SecretError(DomainError):
    """A secret of the installation cannot be used; the message never holds it."""

    code = "secret_unusable"


class UnauthorizedError(DomainError):
    """A call does not prove who makes it; every failure reads the same to the caller.

    Attributes:
        reason: what was wrong, in snake_case; for the log alone.
    """

    code = "unauthorized"

    def __init__(self, reason: str) -> None:
        super().__init__(
            "this call needs a valid key, and a valid signature where the route asks for one"
        )
        self.reason = reason


class ForbiddenError(DomainError):
    """Who calls is known and may not do this."""

    code = "forbidden"


class IdempotencyMismatchError(DomainError):
    """An idempotency key came again with another body."""

    code = "idempotency_mismatch"


class AlreadyRunningError(DomainError):
    """The same work is being done elsewhere at this moment."""

    code = "already_running"


class IdempotencyRunningError(DomainError):
    """A call with the same idempotency key has not been answered yet.

    Attributes:
        retry_after: whole seconds after which asking again makes sense.
    """

    code = "idempotency_running"

    def __init__(self, retry_after: int) -> None:
        super().__init__("the first call with this Idempotency-Key is still running; ask again")
        self.retry_after = retry_after
