"""The message that people read: one slate as plain text.

It is made from the slate as it is stored (`Slate.to_dict`, or the same back from JSON), so that a
Lambda that is handed JSON, the command line and tests say the same. The text is UTF-8, because
names are; everything else in it is ASCII, and so is the subject.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from math import isnan, nan
from textwrap import wrap
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from betting_ai.domain.books import book
from betting_ai.domain.markets import Outcome
from betting_ai.domain.slate import MOST_PICKS, Stamp
from betting_ai.errors import InvalidInputError
from betting_ai.models.frequency import Frequency
from betting_ai.ports.notifier import LONGEST_SUBJECT, Message
from betting_ai.usecases.track_record import FEW
from betting_ai.usecases.words import STAMPS, criteria_asked, no_bet_because, why_not

WIDTH: Final = 76
"""Characters in the longest line: mail programs neither wrap nor encode it anew."""

MOST_BYTES: Final = 8192
"""The longest text, whatever is in the slate."""

_UK: Final = ZoneInfo("Europe/London")
_INDENT: Final = "   "
_LABEL: Final = 11
_REASONS: Final = 3

# Bytes of UTF-8: the longest that are shown of texts from outside.
_NAME: Final = 80
_SENTENCE: Final = 200

_NOT_LIVE: Final = (
    "Not live: a replay of the past, a sample, or prices that were not read from a feed just now. "
    "Nothing below is to be bet on without looking again."
)
_ADVICE: Final[Mapping[str, str]] = {
    "wait": "deep RL would wait for a better price before kick-off; bet now only if you cannot",
}
_FOOTER: Final = (
    "Never take less than the lowest price named. EV is an average: single bets are mostly luck, "
    "any of them can lose, and the past is no promise.",
    "Bet only what you can afford to lose, and stop when it is no fun. Free help: "
    "gamblingtherapy.org; in the UK 0808 8020 133, gamcare.org.uk.",
)


@dataclass(frozen=True)
class Standing:
    """The record of live picks so far.

    Attributes:
        settled: settled picks that have a closing price.
        mean_clv: their mean closing-line value, as a fraction of the stake; NaN without any.
        clv_low: lower end of its 95 % interval.
        clv_high: upper end.
        beat_close: share of them that beat the closing price, 0 to 1.
        days: since the first pick.
    """

    settled: int
    mean_clv: float
    clv_low: float
    clv_high: float
    beat_close: float
    days: int

    @classmethod
    def of(cls, record: Mapping[str, Any], day: date) -> Self | None:
        """What `TrackRecord` found, on a UK date; None before the first pick."""
        if record["first_day"] is None:
            return None
        clv, (low, high) = record["all"]["clv"], record["all"]["clv"]["interval"]
        beat = record["all"]["beat_close"]["mean"]
        days = (day - date.fromisoformat(record["first_day"])).days
        return cls(clv["n"], clv["mean"], low, high, beat, days)

    def to_dict(self) -> dict[str, float | None]:
        """JSON-ready: what is not a number is None."""
        return {name: None if isnan(value) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, told: Mapping[str, float | None]) -> Self:
        """As `to_dict` gave it."""
        found = {name: nan if value is None else value for name, value in told.items()}
        return cls(**found)  # type: ignore[arg-type]


def alert(
    slate_id: str,
    slate: Mapping[str, Any],
    standing: Standing | None = None,
    frequency: Frequency | None = None,
) -> Message:
    """One slate in words, lines of at most 76 characters, at most 8192 bytes of UTF-8.

    Args:
        slate_id: names the slate; the message takes it over.
        slate: as stored.
        standing: the record so far; None where it is not known.
        frequency: of the last backtest; told on an empty day.

    Raises:
        InvalidInputError: this is no slate.
    """
    try:
        subject, text = _subject(slate), _text(slate_id, slate, standing, frequency)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        what = f"{type(error).__name__}: {_plain(error, _NAME)}"
        raise InvalidInputError(f"this is no slate as it is stored ({what})") from None
    return Message(subject, text, slate_id)


def _subject(slate: Mapping[str, Any]) -> str:
    day = datetime.fromisoformat(slate["as_of"]).astimezone(_UK)
    start = f"{'' if _live(slate) else '[not live] '}Betting AI, {day:%a} {day.day} {day:%b %Y}: "
    picks = slate["picks"][:MOST_PICKS]
    if not picks:
        return f"{start}no bet today"
    best = picks[0]
    # A team's name says which match it is; "Draw" does not.
    what = best["selection"] if _on_a_team(best) else f"{best['selection']}, {best['event_name']}"
    count = "1 bet" if len(picks) == 1 else f"{len(picks)} bets, best"
    price = _odds(best["recommended_odds"])
    space = LONGEST_SUBJECT - len(f"{start}{count}:  at {price}")
    return f"{start}{count}: {_plain(_ascii(what), space)} at {price}"


def _text(
    slate_id: str,
    slate: Mapping[str, Any],
    standing: Standing | None,
    frequency: Frequency | None,
) -> str:
    picks, near = slate["picks"][:MOST_PICKS], slate["near_misses"][:MOST_PICKS]
    parts = [_head(slate, standing)]
    if picks:
        parts += [_pick(pick, slate) for pick in picks]
        title = "Near misses, which are no bets:"
    else:
        parts.append(_no_bet(slate, near[:1], frequency))
        near, title = near[1:], "Also near:"
    if near:
        parts.append([title, *(line for miss in near for line in _near_miss(miss, slate))])
    parts.append(_small_print(slate_id, slate))
    parts.append([line for paragraph in _FOOTER for line in wrap(paragraph, WIDTH)])
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _head(slate: Mapping[str, Any], standing: Standing | None) -> list[str]:
    """Whether this is live and the record so far come before any pick."""
    start = datetime.fromisoformat(slate["as_of"])
    until = start + timedelta(hours=slate["window_hours"])
    day = start.astimezone(_UK)
    lines = [f"Betting AI, {day:%A} {day.day} {day:%B %Y}"]
    lines += wrap(f"Kick-offs {_when(start)} to {_when(until)}", WIDTH)
    if standing is not None:
        lines += wrap(_so_far(standing), WIDTH)
    if not _live(slate):
        lines += wrap(_NOT_LIVE, WIDTH)
    return lines


def _so_far(standing: Standing) -> str:
    picks = f"{standing.settled} settled pick{'' if standing.settled == 1 else 's'}"
    since = f"{picks} in {standing.days} day{'' if standing.days == 1 else 's'}"
    if standing.settled < FEW:
        return f"CLV so far: {since}, too few to say."
    told = (
        f"CLV so far: {standing.mean_clv:+.1%} a pick (95% interval {standing.clv_low:+.1%} to "
        f"{standing.clv_high:+.1%}), {standing.beat_close:.0%} beat the closing price; {since}."
    )
    if standing.clv_low <= 0.0 <= standing.clv_high:
        told += " The interval holds zero: this can still be luck."
    return told


def _no_bet(
    slate: Mapping[str, Any], nearest: list[Mapping[str, Any]], frequency: Frequency | None
) -> list[str]:
    lines = wrap(f"No bet today, because {no_bet_because(slate)}.", WIDTH)
    if frequency:
        lines += wrap(f"Last backtest: {_plain(frequency, _SENTENCE)}.", WIDTH)
    if nearest:
        lines += ["", "The nearest:", *_near_miss(nearest[0], slate)]
    return lines


def _pick(pick: Mapping[str, Any], slate: Mapping[str, Any]) -> list[str]:
    wins = " to win" if _on_a_team(pick) else ""
    title = f"{pick['rank']}. {_plain(pick['selection'], _NAME)}{wins}"
    lines = wrap(title, WIDTH, subsequent_indent=_INDENT)
    lines += wrap(_match(pick), WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)
    for label, text in _rows(pick, slate):
        lines += wrap(
            text,
            WIDTH,
            initial_indent=f"{_INDENT}{label:<{_LABEL}}",
            subsequent_indent=_INDENT + " " * _LABEL,
        )
    return lines


def _rows(pick: Mapping[str, Any], slate: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The pick's facts, each with its label."""
    until = _when(datetime.fromisoformat(pick["expires_at"]))
    stake, bankroll = pick["recommended_stake"], slate["bankroll"]
    yield "Kick-off", _when(datetime.fromisoformat(pick["kickoff"]))
    yield from _price(pick, until)
    yield "Stake", f"{stake:.2f} of a bankroll of {bankroll:.2f} ({stake / bankroll:.2%})"
    yield (
        "EV",
        f"{_percent(pick['expected_value'])} on average; nine to one that it is "
        f"{_percent(pick['expected_value_lower'])} or more",
    )
    yield "Confidence", f"{pick['confidence_score']:.0f} of 100 to beat the closing price"
    yield "Risk", f"{pick['risk_score']:.2f} (0 is safest, 1 riskiest)"
    why = pick["rationale"]["key_reasons"] or [pick["rationale"]["summary"]]
    if why[0]:
        yield "Why", _plain(why[0], _SENTENCE)
    if pick["advice"] in _ADVICE:
        yield "Timing", _ADVICE[pick["advice"]]
    for text in _stamps(pick):
        yield "Note", text


def _price(pick: Mapping[str, Any], until: str) -> Iterator[tuple[str, str]]:
    price, lowest = _odds(pick["recommended_odds"]), _odds(pick["bet_until_odds"])
    if Stamp.UPPER_BOUND in pick["stamps"]:
        yield "Price", f"{price} was the highest anywhere; where you bet it may be lower"
        yield "Worth it", f"from {lowest} up, until {until}"
        return
    where, after = _book(pick), ""
    if pick["quoted_odds"] != pick["recommended_odds"]:
        where += f" (shown as {_odds(pick['quoted_odds'])}, less commission)"
        after = " after commission"
    yield "Take", f"{price} at {where}"
    yield "Down to", f"{lowest}{after}, until {until}"


def _near_miss(miss: Mapping[str, Any], slate: Mapping[str, Any]) -> list[str]:
    """The first reasons; more would not be short."""
    reasons = why_not(miss, slate["criteria"])
    told = "; ".join(_plain(reason, _NAME) for reason in reasons[:_REASONS])
    if len(reasons) > _REASONS:
        told += f"; and {len(reasons) - _REASONS} more"
    what = f"{_plain(miss['selection'], _NAME)} at {_odds(miss['recommended_odds'])}"
    return wrap(
        f"{what} ({_book(miss)}), {_match(miss)}: {told}",
        WIDTH,
        initial_indent=" - ",
        subsequent_indent=_INDENT,
    )


def _small_print(slate_id: str, slate: Mapping[str, Any]) -> list[str]:
    considered, priced = slate["events_considered"], slate["events_priced"]
    model = "none, the market stands alone"
    if slate["model"]:
        through = _plain(slate["trained_through"], _NAME)
        model = f"{_plain(slate['model'], _NAME)}, trained through {through}"
    lines = [
        f"Matches: {considered} considered, {priced} with prices.",
        f"Asked for: {criteria_asked(slate['criteria'])}.",
        f"Model: {model}. Data: {_plain(', '.join(slate['data_sources']), _SENTENCE)}.",
        *(f"Note: {text}." for text in _stamps(slate)),
        f"Slate {slate_id}",
    ]
    return [part for line in lines for part in wrap(line, WIDTH)]


def _live(slate: Mapping[str, Any]) -> bool:
    """Whether the slate was published as it was made; any other is stamped."""
    return Stamp.RECONSTRUCTED not in slate["stamps"]


def _stamps(stamped: Mapping[str, Any]) -> list[str]:
    """One of another version may bear a stamp unknown here."""
    stamps = stamped["stamps"][: len(Stamp)]
    return [_plain(STAMPS.get(stamp, stamp.replace("_", " ")), _NAME) for stamp in stamps]


def _on_a_team(candidate: Mapping[str, Any]) -> bool:
    return candidate["outcome"] in (Outcome.HOME, Outcome.AWAY)


def _match(candidate: Mapping[str, Any]) -> str:
    return f"{_plain(candidate['event_name'], _NAME)}, {_plain(candidate['league'], _NAME)}"


def _book(candidate: Mapping[str, Any]) -> str:
    return _plain(book(candidate["bookmaker"]).name, _NAME)


def _when(moment: datetime) -> str:
    """``"Sat 15 Mar 15:00 UTC (15:00 UK)"``; the UK's day too where it is another one."""
    utc, uk = moment.astimezone(UTC), moment.astimezone(_UK)
    day = "" if uk.date() == utc.date() else f"{uk:%a} "
    return f"{utc:%a} {utc.day} {utc:%b %H:%M} UTC ({day}{uk:%H:%M} UK)"


def _odds(price: float) -> str:
    """Two places, more only where it has them."""
    return f"{price:.2f}" if round(price, 2) == price else f"{price:.4f}".rstrip("0")


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:+.1%}"


def _plain(text: object, most: int) -> str:
    """One line of printable characters, cut to so many bytes of UTF-8."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    content = line.encode()
    if len(content) <= most:
        return line or "(no name)"
    return content[: most - 3].decode(errors="ignore").rstrip() + "..."


def _ascii(text: str) -> str:
    """Letters without their accents; what then is not ASCII becomes a question mark."""
    apart = unicodedata.normalize("NFKD", text)
    return (
        "".join(c for c in apart if not unicodedata.combining(c))
        .encode("ascii", "replace")
        .decode()
    )
