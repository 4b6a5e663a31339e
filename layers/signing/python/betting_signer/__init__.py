"""The guarded signer: the only code that may use the wallet's key.

It stands alone (eth_keys, rlp and the standard library; botocore in `dynamo` and `lambdas`, pg8000
in `postgres`, eth_account where a key is made or a keystore read),
and others build against these modules, which need the standard library only:

- `contract`: the documents that are exchanged. A requester makes an `Intent`, stamps it
  (``intent.stamp(secret)``) and puts it; another person puts an `Approval` of its
  ``request_hash``; whoever reaches the chain puts a `Quote`; what is signed comes back as
  `Signed`, what is not as `Refusal` with a `Code`.
- `store`: the ports. `Desk` is what others write, `Store` what the signer reads and writes; both
  are kept by `dynamo.DynamoStore` and `postgres.PostgresStore`.
- `policy` and `state`: the `Policy` as data with its ``policy_hash``, and the `Control` switch.
- `audit`: proves the record from its lines.

The signer itself is `service.Signer`: ``Signer(...).sign(text of a quote)``. `custody` has the
places where a key may lie, `copies` those where the audit is kept beyond anybody's reach.

Nothing here is on by default: without a switch that its approver turned on and a policy whose
hash was approved, everything is refused.
"""
