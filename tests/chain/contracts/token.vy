# pragma version ^0.4.0
# A BEP-20 token; it is told at its making whether it refuses politely (false) or by reverting.

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    amount: uint256

balanceOf: public(HashMap[address, uint256])
totalSupply: public(uint256)
polite: bool

@deploy
def __init__(supply: uint256, polite: bool):
    self.balanceOf[msg.sender] = supply
    self.totalSupply = supply
    self.polite = polite

@external
def transfer(receiver: address, amount: uint256) -> bool:
    if self.polite and self.balanceOf[msg.sender] < amount:
        return False
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=msg.sender, receiver=receiver, amount=amount)
    return True
