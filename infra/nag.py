"""What cdk-nag finds and we leave as it is, with the reason.

Whatever is not listed here makes writing the templates fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import aws_cdk as cdk
from constructs import IConstruct

from infra.environments import Environment
from infra.stacks.models import MARKETS, READABLE


@dataclass(frozen=True)
class Left:
    """A finding that is left.

    Attributes:
        rules: of cdk-nag, by their ids.
        reason: why.
        where: paths below the stage; everywhere by default.
    """

    rules: tuple[str, ...]
    reason: str
    where: tuple[str, ...] = ("",)


LEFT = (
    Left(
        ("AwsSolutions-IAM5[Resource::*]",),
        "Neither interfaces of a network nor traces have names before they are made, and an "
        "account's streams are listed as a whole; AWS takes no narrower resource. Tests hold that "
        "no other action has one.",
    ),
    Left(
        (
            "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:*]",
        ),
        "The gateway's own setting is one for the account, and names the groups itself.",
        ("api/LogRole",),
    ),
    Left(
        ("AwsSolutions-L1", "Serverless-LambdaLatestVersion"),
        "Layers hold native libraries, built and tested for Python 3.13.",
    ),
    Left(
        ("AwsSolutions-RDS11",),
        "The database has no way to or from the internet; another port would hide nothing.",
        ("data/Database",),
    ),
    Left(
        ("AwsSolutions-SMG4",),
        "Signing secrets of clients are derived from the root secret, and bookmakers punish keys "
        "that change often: both are changed for a reason, by docs/runbooks/rotate.md.",
        ("data/ApplicationSecret", "data/FeedSecret"),
    ),
    Left(
        ("AwsSolutions-SQS3",),
        "The last place already: destinations and schedules put here what failed for good. An "
        "alarm looks at it.",
        ("data/Failures", "data/Missed", "models/Missed", "alerts/Untold"),
    ),
    Left(
        ("Serverless-SQSRedrivePolicy",),
        "The last place already, watched by an alarm.",
        (
            "data/ArrivedFailed",
            "data/Failures",
            "data/Missed",
            "models/Missed",
            *("alerts/SlateFailed", "alerts/Untold"),
        ),
    ),
    Left(
        ("Serverless-LambdaDLQ",),
        "Destinations tell of failures with their cause, which a dead letter does not; functions "
        "that read a queue have the queue's, and whoever calls the API is answered.",
    ),
    Left(
        ("Serverless-LambdaEventSourceMappingDestination",),
        "For queues it is the queue that puts failures aside.",
    ),
    Left(
        ("AwsSolutions-APIG4", "AwsSolutions-COG4"),
        "Whoever calls is checked in the application, in every way it is served: keys, and "
        "signatures over the body, which an authorizer never sees. Pages have a cookie.",
        ("api/Gateway",),
    ),
)


def acknowledge(stage: cdk.Stage, environment: Environment) -> None:
    """Leave the findings above, each where it is and nowhere else."""
    for left in (*LEFT, *_folders(stage), *_smaller(environment), *_wallet(environment)):
        for path in left.where:
            cdk.Validations.of(_at(stage, path)).acknowledge(
                *(cdk.Acknowledgment(id=rule, reason=left.reason) for rule in left.rules)
            )


def _folders(stage: cdk.Stage) -> Iterator[Left]:
    """Objects of one folder, whose names are digests and versions to come."""
    name = stage.stage_name
    objects = f"{name}-data:ExportsOutputFnGetAttObjectsA92BA4F1ArnDE4464BF"
    models = f"{name}-models:ExportsOutputFnGetAttArtifacts82DD59A1Arn3B515032"
    own = "<Artifacts82DD59A1.Arn>"  # in the stack of the bucket
    places = [
        *(f"{objects}/{folder}/*" for folder in (*READABLE, "exports")),
        *(f"{bucket}/{market}/*" for bucket in (models, own) for market in MARKETS),
        f"{own}/candidates/*",
        f"{own}/*",
    ]
    yield Left(
        tuple(f"AwsSolutions-IAM5[Resource::{place}]" for place in places),
        "Objects of one folder: their names are digests and versions that are yet to come.",
    )


def _wallet(environment: Environment) -> Iterator[Left]:
    """What there is only with a wallet."""
    if environment.wallet is None:
        return
    copies, address = "<CopiesA993ADEE.Arn>", environment.wallet.address or "0x"
    places = (f"{copies}/audit/*", f"{copies}/audit/{address}/*")
    last = ("signer/Unsigned", "signer/Unsent", "signer/Unfollowed")
    yield Left(
        tuple(f"AwsSolutions-IAM5[Resource::{place}]" for place in places),
        "Objects of one folder: their names are numbers that are yet to come.",
        ("signer",),
    )
    yield Left(
        ("AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"),
        "The last place already, watched by an alarm.",
        last,
    )
    yield Left(
        ("AwsSolutions-SMG4",),
        "A wallet's key is its address: a new one is another wallet, and is changed to by "
        "docs/runbooks/wallet-keys.md, as its requester's secret and its endpoints are.",
        ("signer/KeySecret", "signer/Stamps", "signer/Nodes"),
    )


def _smaller(environment: Environment) -> Iterator[Left]:
    """What an environment does without because it may."""
    if not environment.multi_az:
        yield Left(
            ("AwsSolutions-RDS3",),
            "Nobody depends on it: some minutes without a database cost less than a second one.",
            ("data/Database",),
        )
    if not environment.protected:
        yield Left(
            ("AwsSolutions-RDS10",), "Made to be thrown away, with its data.", ("data/Database",)
        )


def _at(stage: cdk.Stage, path: str) -> IConstruct:
    found: IConstruct = stage
    for part in path.split("/") if path else ():
        found = found.node.find_child(part)
    return found
