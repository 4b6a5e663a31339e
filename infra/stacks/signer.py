"""The wallet: who may ask, approve, price, sign and send, and the one place where the key lies.

It is deployed by roles of its own (`make bootstrap-wallet`), from a bucket of its own: whoever may
change the code that signs can reach the key.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.bucket import PrivateBucket, fate
from infra.constructs.function import Asynchronous, Function, Size
from infra.constructs.isolation import Isolation
from infra.constructs.layers import Layers
from infra.constructs.queues import LastQueue
from infra.constructs.schedules import schedules_role
from infra.constructs.table import PrivateTable, written_by
from infra.environments import Environment, Wallet
from infra.stacks.data import DataStack

QUALIFIER: Final = "bawallet"
"""Of the roles and the bucket that this stack alone is deployed with."""

_ADMINISTRATION = (
    "kms:CancelKeyDeletion", "kms:DescribeKey", "kms:DisableKey", "kms:DisableKeyRotation",
    "kms:EnableKey", "kms:EnableKeyRotation", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus",
    "kms:ListGrants", "kms:ListKeyPolicies", "kms:ListResourceTags", "kms:PutKeyPolicy",
    "kms:RevokeGrant", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource",
    "kms:UpdateKeyDescription",
)  # fmt: skip
_DECRYPTING = ("kms:Decrypt", "kms:ReEncryptFrom")
_TRYING = "RequestToValidateKeyAccess"
"""What Secrets Manager names in the place of a version while it tries a key out for a secret."""

_READING = ("secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue")
_STREAM = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")


class SignerStack(cdk.Stack):
    """Tables, secrets, the bucket of the audit, two functions, and the roles of people.

    Attributes:
        sign: signs; alone in its network, with one trigger.
        broadcast: asks the chain, sends and follows; holds no key.
        last: queues of what failed for good, by name.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        environment: Environment,
        wallet: Wallet,
        data: DataStack,
        layers: Path,
    ) -> None:
        super().__init__(
            scope,
            name,
            termination_protection=environment.protected,
            synthesizer=cdk.DefaultStackSynthesizer(qualifier=QUALIFIER),
        )
        self._environment = environment
        self._wallet = wallet
        self._layers = Layers(self, "Layers", layers)
        self.last = {name: LastQueue(self, name) for name in ("Unsigned", "Unsent", "Unfollowed")}
        self._key_secret = self._secret("KeySecret", "The key: 64 hexadecimal digits")
        self._stamps = self._secret("Stamps", '{"api": ["..."]}: what intents are stamped with')
        self._nodes = self._secret("Nodes", '["https://..."]: endpoints of the chain')

        isolation = Isolation(self, "Isolation", environment)
        self.sign = self._sign(isolation)
        self.broadcast = self._broadcast()
        self._custodian = self._person("Custodian", wallet.custodians, "Puts the key; never reads")
        self._policy_approver = self._person(
            "PolicyApprover", wallet.policy_approvers, "Approves a policy, and turns the switch"
        )
        self._approver = self._person("Approver", wallet.approvers, "Approves a transfer")

        self._tables(environment)
        self._copies = self._copies_bucket(data)
        self._key = self._encrypt(environment)
        for secret, readers in (
            (self._key_secret, [self._arn(self.sign)]),
            (self._stamps, [self._arn(self.sign), self._requester]),
            (self._nodes, [self._arn(self.broadcast)]),
        ):
            self._guard(secret, readers)
        self._let_sign(isolation)
        self._let_send(data)
        self._let_people()
        self._tell_functions(data)
        for title, value in {
            **({"WalletAddress": self._wallet.address} if self._wallet.address else {}),
            "WalletNetwork": self._wallet.network,
            "KeySecretArn": self._key_secret.ref,
            "StampsArn": self._stamps.ref,
            "NodesArn": self._nodes.ref,
            "SignTransferName": self.sign.function.function_name,
            "SignTransferRole": self.sign.role.role_name,
            "BroadcastTransferName": self.broadcast.function.function_name,
            "QuotesMapping": self._quotes_mapping.event_source_mapping_id,
            "StateTable": self.state.table_name,
            "ApprovalsTable": self.approvals.table_name,
            "IntentsTable": self.intents.table_name,
            "QuotesTable": self.quotes.table_name,
            "SignedTable": self.signed.table_name,
            "TransfersTable": self.transfers.table_name,
            "CopiesBucket": self._copies.bucket_name,
            "CustodianRole": self._custodian.role_arn,
            "PolicyApproverRole": self._policy_approver.role_arn,
            "ApproverRole": self._approver.role_arn,
        }.items():
            cdk.CfnOutput(self, title, value=value)

    @property
    def requester_path(self) -> str:
        """Of the role that may ask for transfers: this stack is made before it, and knows it so."""
        return f"/betting-ai-{self._environment.name}/requester/"

    def let_ask(self, function: Function) -> None:
        """Let a function put intents, and see what became of them."""
        function.allow("dynamodb:PutItem", on=[self.intents.table_arn])
        function.allow(
            "dynamodb:GetItem",
            on=[
                one.table_arn for one in (self.intents, self.approvals, self.signed, self.transfers)
            ],
        )
        function.allow("secretsmanager:GetSecretValue", on=[self._stamps.ref])
        function.tell(
            {
                "WALLET_ADDRESS": self._wallet.address,
                "WALLET_NETWORK": self._wallet.network,
                "REQUESTERS_SECRET": self._stamps.ref,
                "INTENTS_TABLE": self.intents.table_name,
                "APPROVALS_TABLE": self.approvals.table_name,
                "SIGNED_TABLE": self.signed.table_name,
                "TRANSFERS_TABLE": self.transfers.table_name,
            }
        )

    @property
    def _requester(self) -> str:
        return f"arn:{self.partition}:iam::{self.account}:role{self.requester_path}*"

    @staticmethod
    def _arn(function: Function) -> str:
        return function.role.role_arn

    def _secret(self, name: str, about: str) -> secretsmanager.CfnSecret:
        """An empty secret: the kit's own would be born with a value."""
        secret = secretsmanager.CfnSecret(self, name, description=f"{about}; put there by hand")
        secret.apply_removal_policy(fate(self._environment))
        return secret

    def _sign(self, isolation: Isolation) -> Function:
        return Function(
            self,
            "sign_transfer",
            self._environment,
            size=Size(seconds=30, memory=1769),
            layers=self._layers.of("signing"),
            variables={},
            place=isolation.place,
            product=False,
        )

    def _broadcast(self) -> Function:
        return Function(
            self,
            "broadcast_transfer",
            self._environment,
            size=Size(seconds=120, memory=1024),
            layers=self._layers.of("runtime", "chain", "domain"),
            variables={},
            asynchronous=Asynchronous(self.last["Unfollowed"], hours=1),
        )

    def _person(self, name: str, people: tuple[str, ...], about: str) -> iam.Role:
        """A role that a person takes with a second factor, for an hour."""
        trusted = [iam.ArnPrincipal(arn) for arn in people] or [iam.AccountRootPrincipal()]
        return iam.Role(
            self,
            name,
            assumed_by=iam.CompositePrincipal(*trusted).with_conditions(
                {
                    "Bool": {"aws:MultiFactorAuthPresent": "true"},
                    "NumericLessThan": {"aws:MultiFactorAuthAge": "3600"},
                }
            ),
            description=about,
            max_session_duration=cdk.Duration.hours(1),
        )

    def _tables(self, environment: Environment) -> None:
        signs, sends = self._arn(self.sign), self._arn(self.broadcast)
        custodian, approver = self._custodian.role_arn, self._approver.role_arn
        switches = self._policy_approver.role_arn
        self.intents = PrivateTable(
            self, "Intents", environment, "id", stream=True,
            policy=[written_by(self._requester)],
        )  # fmt: skip
        # The signer uses an approval up, and can do nothing else with it.
        self.approvals = PrivateTable(
            self, "Approvals", environment, "request_hash", stream=True,
            policy=[written_by(approver, signs)],
        )  # fmt: skip
        self.quotes = PrivateTable(
            self, "Quotes", environment, "id", expires="expires", stream=True,
            policy=[written_by(sends)],
        )  # fmt: skip
        self.signed = PrivateTable(
            self, "Signed", environment, "id", stream=True, policy=[written_by(signs)]
        )
        self.transfers = PrivateTable(
            self, "Transfers", environment, "id", policy=[written_by(sends)]
        )
        self.state = PrivateTable(
            self, "State", environment, "pk",
            policy=[
                written_by(signs, switches, custodian),
                written_by(switches, row="control", sid="SwitchedByOne"),
                written_by(custodian, row="policy", sid="ProposedByOne"),
            ],
        )  # fmt: skip

    def _copies_bucket(self, data: DataStack) -> s3.Bucket:
        """Copies of the audit: put once, by the signer alone, and kept from everybody."""
        days = cdk.Duration.days(self._wallet.audit_days)
        lock = s3.ObjectLockRetention
        bucket = PrivateBucket(
            self,
            "Copies",
            self._environment,
            readings=data.readings,
            locked=lock.compliance(days) if self._wallet.compliance else lock.governance(days),
        )
        objects = [bucket.arn_for_objects("*")]

        def never(sid: str, actions: list[str], conditions: dict[str, Any] | None = None) -> None:
            bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    effect=iam.Effect.DENY,
                    principals=[iam.AnyPrincipal()],
                    actions=actions,
                    resources=objects,
                    conditions=conditions,
                )
            )

        never(
            "PutByTheSigner",
            ["s3:PutObject"],
            {"ArnNotEquals": {"aws:PrincipalArn": self._arn(self.sign)}},
        )
        never("PutOnce", ["s3:PutObject"], {"Null": {"s3:if-none-match": "true"}})
        never(
            "KeptAsItIs",
            [
                "s3:BypassGovernanceRetention",
                # A marker of deletion would hide what is locked, and let another be put.
                "s3:DeleteObject",
                "s3:DeleteObjectVersion",
                "s3:PutObjectLegalHold",
                "s3:PutObjectRetention",
            ],
        )
        return bucket

    def _encrypt(self, environment: Environment) -> kms.Key:
        """The key of the key's secret: reading it takes both rights, and one role has both."""
        signs = self._arn(self.sign)
        through = {
            "StringEquals": {
                "kms:CallerAccount": self.account,
                "kms:ViaService": f"secretsmanager.{self.region}.amazonaws.com",
            }
        }
        trying = {
            "StringEquals": {
                **through["StringEquals"],
                "kms:EncryptionContext:SecretVersionId": _TRYING,
            }
        }

        def let(who: iam.IPrincipal, *actions: str, when: Any = None) -> iam.PolicyStatement:  # noqa: ANN401
            return iam.PolicyStatement(
                principals=[who], actions=[*actions], resources=["*"], conditions=when
            )

        def never(*actions: str, when: Any = None) -> iam.PolicyStatement:  # noqa: ANN401
            return iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=[*actions],
                resources=["*"],
                conditions=when,
            )

        key = kms.Key(
            self,
            "Key",
            description="The wallet's key at rest",
            enable_key_rotation=True,
            removal_policy=fate(environment),
            policy=iam.PolicyDocument(
                statements=[
                    let(iam.AccountRootPrincipal(), *_ADMINISTRATION),
                    # A secret is tied to a key by whoever may try it out; there is nothing to read.
                    let(
                        iam.AccountRootPrincipal(),
                        "kms:Decrypt",
                        "kms:GenerateDataKey",
                        when=trying,
                    ),
                    let(iam.ArnPrincipal(signs), "kms:Decrypt", when=through),
                    let(
                        iam.ArnPrincipal(self._custodian.role_arn),
                        "kms:GenerateDataKey",
                        when=through,
                    ),
                    never(
                        *_DECRYPTING,
                        when={
                            "ArnNotEquals": {"aws:PrincipalArn": signs},
                            "StringNotEquals": {"kms:EncryptionContext:SecretVersionId": _TRYING},
                        },
                    ),
                    never("kms:CreateGrant"),  # a grant lets somebody decrypt
                ]
            ),
        )
        self._key_secret.kms_key_id = key.key_arn
        return key

    def _guard(self, secret: secretsmanager.CfnSecret, readers: list[str]) -> None:
        """Nobody else reads it, or takes it elsewhere; its policy itself can still be replaced."""
        deny = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Resource": "*"}
        secretsmanager.CfnResourcePolicy(
            self,
            f"{secret.node.id}Policy",
            secret_id=secret.ref,
            block_public_policy=True,
            resource_policy={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        **deny,
                        "Sid": "ReadByThese",
                        "Action": [*_READING],
                        "Condition": {"ArnNotLike": {"aws:PrincipalArn": readers}},
                    },
                    {
                        **deny,
                        "Sid": "StaysHere",
                        "Action": [
                            "secretsmanager:ReplicateSecretToRegions",
                            "secretsmanager:RotateSecret",
                        ],
                    },
                ],
            },
        )

    def _let_sign(self, isolation: Isolation) -> None:
        """The signer's role, and its endpoints, which let no more through."""
        read = [one.table_arn for one in (self.intents, self.approvals, self.signed, self.state)]
        tables = {
            "dynamodb:GetItem": read,
            "dynamodb:PutItem": [self.signed.table_arn, self.state.table_arn],
            "dynamodb:UpdateItem": [self.approvals.table_arn],
            "dynamodb:ConditionCheckItem": [self.signed.table_arn, self.state.table_arn],
        }
        copies = [self._copies.arn_for_objects(f"audit/{self._wallet.address or '0x'}/*")]
        bucket = {
            "s3:GetObject": copies,
            "s3:PutObject": copies,
            # Without it what is not there is refused, and cannot be told from what is forbidden;
            # a condition on the prefix would take that away.
            "s3:ListBucket": [self._copies.bucket_arn],
        }
        secrets = [self._key_secret.ref, self._stamps.ref]
        for action, resources in {**tables, **bucket}.items():
            self.sign.allow(action, on=resources)
        self.sign.allow("secretsmanager:GetSecretValue", on=secrets)
        self.sign.allow("kms:Decrypt", on=[self._key.key_arn])
        isolation.open(self.sign.role, tables=tables, bucket=bucket, secrets=secrets)
        # The one trigger. What waits longer than a quote lives is refused, and that is kept.
        self._quotes_mapping = self._follow(
            self.sign, "Quotes", self.quotes, self.last["Unsigned"], batch=5, minutes=10
        )

    def _let_send(self, data: DataStack) -> None:
        send = self.broadcast
        send.allow(
            "dynamodb:GetItem",
            on=[
                one.table_arn
                for one in (self.intents, self.approvals, self.quotes, self.signed, self.transfers)
            ],
        )
        # Whose a nonce is that others wait for; nothing else of the signer's state.
        send.allow(
            "dynamodb:GetItem",
            on=[self.state.table_arn],
            only={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["nonce#*"]}},
        )
        send.allow("dynamodb:PutItem", on=[self.quotes.table_arn, self.transfers.table_arn])
        send.allow("dynamodb:UpdateItem", on=[self.transfers.table_arn])
        send.allow("secretsmanager:GetSecretValue", on=[self._nodes.ref])
        send.allow("s3:GetObject", "s3:PutObject", on=[data.objects.arn_for_objects("raw/*")])
        send.allow("s3:PutObject", on=[data.objects.arn_for_objects("inbox/*")])
        send.allow("s3:ListBucket", on=[data.objects.bucket_arn])
        for name in ("Intents", "Approvals", "Signed"):
            table = getattr(self, name.lower())
            self._follow(send, name, table, self.last["Unsent"], batch=10, minutes=60)
        group = scheduler.ScheduleGroup(self, "Schedules", removal_policy=cdk.RemovalPolicy.DESTROY)
        missed = self.last["Unfollowed"]
        scheduler.Schedule(
            self,
            "Follow",
            schedule_group=group,
            schedule=scheduler.ScheduleExpression.rate(cdk.Duration.minutes(1)),
            target=targets.LambdaInvoke(
                send.function,
                input=scheduler.ScheduleTargetInput.from_object(
                    {"at": "<aws.scheduler.scheduled-time>"}
                ),
                role=schedules_role(
                    self, "lambda:InvokeFunction", [send.function.function_arn], missed
                ),
                dead_letter_queue=missed,
                retry_attempts=3,
                max_event_age=cdk.Duration.minutes(5),
            ),
            time_window=scheduler.TimeWindow.off(),
            enabled=bool(self._wallet.address),
        )

    def _follow(
        self,
        function: Function,
        name: str,
        table: dynamodb.Table,
        failed: sqs.IQueue,
        *,
        batch: int,
        minutes: int,
    ) -> lambda_.EventSourceMapping:
        """Hand what is new in a table to a function, in order; what fails is tried for a while."""
        stream = table.table_stream_arn
        assert stream is not None  # noqa: S101 - it was asked for
        function.allow(*_STREAM, on=[stream])
        function.allow("dynamodb:ListStreams", on=["*"])
        policy = function.role.node.find_child("DefaultPolicy")
        mapping = lambda_.EventSourceMapping(
            self,
            f"{name}Stream",
            target=function.function,
            event_source_arn=stream,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=batch,
            bisect_batch_on_error=True,
            max_record_age=cdk.Duration.minutes(minutes),
            retry_attempts=50,
            report_batch_item_failures=True,
            on_failure=sources.SqsDlq(failed),
            filters=[
                lambda_.FilterCriteria.filter({"eventName": lambda_.FilterRule.is_equal("INSERT")})
            ],
            enabled=bool(self._wallet.address),
        )
        mapping.node.add_dependency(policy)  # it is tried out the moment that it is made
        return mapping

    def _let_people(self) -> None:
        def let(role: iam.Role, *actions: str, on: list[str], rows: Sequence[str] = ()) -> None:
            only = (
                {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [*rows]}} if rows else None
            )
            role.add_to_policy(
                iam.PolicyStatement(actions=[*actions], resources=on, conditions=only)
            )

        state = [self.state.table_arn]
        secrets = [self._key_secret.ref, self._stamps.ref, self._nodes.ref]
        let(
            self._custodian,
            "secretsmanager:DescribeSecret",
            "secretsmanager:PutSecretValue",
            on=secrets,
        )
        let(self._custodian, "kms:GenerateDataKey", on=[self._key.key_arn])
        let(self._custodian, "dynamodb:PutItem", on=state, rows=["policy"])
        self._custodian.add_to_policy(
            iam.PolicyStatement(
                effect=iam.Effect.DENY, actions=[*_READING, "kms:Decrypt"], resources=["*"]
            )
        )
        let(self._policy_approver, "dynamodb:PutItem", on=state, rows=["control"])
        # Where the tables are, which are named by nobody.
        for role in (self._custodian, self._policy_approver, self._approver):
            let(role, "cloudformation:DescribeStacks", on=[self.stack_id])
        # To approve one has to see.
        for role in (self._custodian, self._policy_approver):
            let(role, "dynamodb:GetItem", on=state)
        let(self._policy_approver, "s3:GetObject", on=[self._copies.arn_for_objects("audit/*")])
        let(self._policy_approver, "s3:ListBucket", on=[self._copies.bucket_arn])
        let(self._approver, "dynamodb:GetItem", on=state, rows=["policy", "control"])
        let(self._approver, "dynamodb:PutItem", on=[self.approvals.table_arn])
        let(
            self._approver,
            "dynamodb:GetItem",
            on=[
                one.table_arn for one in (self.intents, self.approvals, self.signed, self.transfers)
            ],
        )

    def _tell_functions(self, data: DataStack) -> None:
        wallet = self._wallet
        for key, value in {
            "ADDRESS": wallet.address,
            "NETWORK": wallet.network,
            "KEY_SECRET": self._key_secret.ref,
            "REQUESTERS_SECRET": self._stamps.ref,
            "COPIES_BUCKET": self._copies.bucket_name,
            "INTENTS_TABLE": self.intents.table_name,
            "APPROVALS_TABLE": self.approvals.table_name,
            "QUOTES_TABLE": self.quotes.table_name,
            "SIGNED_TABLE": self.signed.table_name,
            "STATE_TABLE": self.state.table_name,
        }.items():
            self.sign.function.add_environment(f"SIGNER_{key}", value)
        # The one name of each service that its network knows.
        self.sign.function.add_environment("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        self.broadcast.tell(
            {
                "WALLET_ADDRESS": wallet.address,
                "WALLET_NETWORK": wallet.network,
                "RPC_SECRET": self._nodes.ref,
                "INTENTS_TABLE": self.intents.table_name,
                "APPROVALS_TABLE": self.approvals.table_name,
                "QUOTES_TABLE": self.quotes.table_name,
                "SIGNED_TABLE": self.signed.table_name,
                "TRANSFERS_TABLE": self.transfers.table_name,
                "SIGNER_TABLE": self.state.table_name,
                "OBJECTS_BUCKET": data.objects.bucket_name,
            }
        )
