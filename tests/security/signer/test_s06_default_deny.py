"""S6: what no rule allows is refused."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from betting_signer.contract import Code, Refusal
from betting_signer.policy import Allowed
from security.signer.strategies import intents, quotes
from security.signer.world import ADDRESS, COIN, FRIEND, World, code, decided, intent, policy

EMPTY = replace(policy(), rules=(), gap_rule=None)


@given(st.data())
def test_an_empty_policy_refuses_everything(data: st.DataObject) -> None:
    wish = data.draw(intents())
    assert isinstance(decided(wish, EMPTY, data.draw(quotes(wish))), Refusal)


@given(st.data())
def test_what_is_allowed_is_what_a_rule_says(data: st.DataObject) -> None:
    wish = data.draw(intents())
    decision = decided(wish, policy(), data.draw(quotes(wish)))
    if isinstance(decision, Allowed):
        [rule] = [one for one in policy().rules if one.id == decision.rule]
        assert wish.to in rule.destinations
        assert wish.requester in rule.requesters
        assert (wish.chain_id, wish.asset) == (rule.chain_id, rule.asset)
        assert wish.sender == ADDRESS


def test_the_usual_wish_is_allowed_under_its_rule() -> None:
    decision = decided(intent())
    assert isinstance(decision, Allowed)
    assert decision.rule == "coins-to-friend"


def test_each_thing_that_no_rule_has_is_named() -> None:
    assert code(decided(intent(chain_id=97))) is Code.CHAIN_NOT_ALLOWED
    assert code(decided(intent(), EMPTY)) is Code.CHAIN_NOT_ALLOWED
    assert code(decided(intent(asset=FRIEND))) is Code.ASSET_NOT_ALLOWED
    assert code(decided(intent(to=ADDRESS))) is Code.DESTINATION_NOT_ALLOWED
    assert code(decided(intent(requester="owner"))) is Code.REQUESTER_NOT_ALLOWED


def test_the_first_rule_that_matches_decides() -> None:
    usual = policy()
    twin = replace(usual.rules[0], id="later")
    first = replace(usual, rules=(*usual.rules, twin))
    last = replace(usual, rules=(twin, *usual.rules))
    assert decided(intent(), first).rule == "coins-to-friend"
    assert decided(intent(), last).rule == "later"


def test_without_a_policy_or_under_an_empty_one_nothing_is_signed(world: World) -> None:
    world.under(EMPTY)
    assert code(world.ask(intent())) is Code.CHAIN_NOT_ALLOWED
    world.write("policy", "")
    assert code(world.ask(intent(amount=COIN, to=FRIEND))) is Code.POLICY_MISSING
