"""S2: only the signer's role can read the secret and use the key that encrypts it."""

from __future__ import annotations

from typing import Any

from deployed import Deployed, listed

SIGNER = "signer.SignTransferRole"
SECRET, KEY = "signer.KeySecret", "signer.Key.Arn"
READING = {"secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue"}
TRYING = "RequestToValidateKeyAccess"


def allowed(wallet: Deployed, actions: set[str], resource: str) -> set[str]:
    """Roles whose own policies let them."""
    return {
        role
        for role, own in wallet.roles().items()
        for statement in own
        if statement["Effect"] == "Allow"
        and actions & set(listed(statement["Action"]))
        and resource in listed(statement["Resource"])
    }


def policy_of_secret(wallet: Deployed, secret: str) -> list[dict[str, Any]]:
    [found] = [
        one
        for one in wallet.all("AWS::SecretsManager::ResourcePolicy")
        if wallet.told(one.properties["SecretId"], one.stack) == secret
    ]
    assert found.properties["BlockPublicPolicy"] is True
    statements = found.properties["ResourcePolicy"]["Statement"]
    told: list[dict[str, Any]] = wallet.words(statements, found.stack)
    return told


def key_policy(wallet: Deployed) -> list[dict[str, Any]]:
    key = wallet.one("signer", "Key", "AWS::KMS::Key")
    assert key.properties["EnableKeyRotation"] is True
    told: list[dict[str, Any]] = wallet.words(key.properties["KeyPolicy"]["Statement"], "signer")
    return told


def test_one_role_may_read_the_key(wallet: Deployed) -> None:
    assert allowed(wallet, READING, SECRET) == {SIGNER}
    assert allowed(wallet, {"kms:Decrypt"}, KEY) == {SIGNER}
    users = [
        name
        for name, one in wallet.functions().items()
        if wallet.told(one.properties["Role"], one.stack) == f"{SIGNER}.Arn"
    ]
    assert users == ["sign_transfer"]
    trust = wallet.one("signer", "SignTransferRole", "AWS::IAM::Role").properties
    [statement] = trust["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_the_secret_denies_reading_to_all_others(wallet: Deployed) -> None:
    read, stays = policy_of_secret(wallet, SECRET)
    assert (read["Effect"], read["Principal"], read["Resource"]) == ("Deny", {"AWS": "*"}, "*")
    assert set(read["Action"]) == READING
    assert read["Condition"] == {"ArnNotLike": {"aws:PrincipalArn": [f"{SIGNER}.Arn"]}}
    # Nor does it go where this policy does not: to another region, or to a function that rotates.
    assert stays["Effect"] == "Deny"
    assert "Condition" not in stays
    assert set(stays["Action"]) == {
        "secretsmanager:ReplicateSecretToRegions",
        "secretsmanager:RotateSecret",
    }


def test_the_deployment_does_not_lock_itself_out(wallet: Deployed) -> None:
    for secret in (SECRET, "signer.Stamps", "signer.Nodes"):
        denied = {a for one in policy_of_secret(wallet, secret) for a in listed(one["Action"])}
        assert not denied & {
            *("secretsmanager:PutResourcePolicy", "secretsmanager:DeleteResourcePolicy"),
            *("secretsmanager:DeleteSecret", "secretsmanager:UpdateSecret"),
        }
    own = key_policy(wallet)
    denied = {a for one in own if one["Effect"] == "Deny" for a in listed(one["Action"])}
    assert denied == {"kms:Decrypt", "kms:ReEncryptFrom", "kms:CreateGrant"}
    root = "arn:<Partition>:iam::<AccountId>:root"
    [owner] = [one for one in own if "kms:PutKeyPolicy" in listed(one["Action"])]
    assert owner["Principal"] == {"AWS": root}
    assert "Condition" not in owner


def test_the_key_denies_decrypting_to_all_others(wallet: Deployed) -> None:
    [denied] = [
        one
        for one in key_policy(wallet)
        if one["Effect"] == "Deny" and "kms:Decrypt" in listed(one["Action"])
    ]
    assert denied["Principal"] == {"AWS": "*"}
    # A secret is tied to its key by a try with a context that no version of a secret has.
    assert denied["Condition"] == {
        "ArnNotEquals": {"aws:PrincipalArn": f"{SIGNER}.Arn"},
        "StringNotEquals": {"kms:EncryptionContext:SecretVersionId": TRYING},
    }
    lets = [
        one
        for one in key_policy(wallet)
        if one["Effect"] == "Allow" and "kms:Decrypt" in listed(one["Action"])
    ]
    for one in lets:
        conditions = one["Condition"]["StringEquals"]
        assert conditions["kms:ViaService"] == "secretsmanager.<Region>.amazonaws.com"
        if one["Principal"] != {"AWS": f"{SIGNER}.Arn"}:
            assert conditions["kms:EncryptionContext:SecretVersionId"] == TRYING
    assert len(lets) == 2
    [grants] = [one for one in key_policy(wallet) if listed(one["Action"]) == ["kms:CreateGrant"]]
    assert (grants["Effect"], grants["Principal"]) == ("Deny", {"AWS": "*"})
    assert "Condition" not in grants


def test_the_secret_is_encrypted_with_that_key(wallet: Deployed) -> None:
    secret = wallet.one("signer", "KeySecret", "AWS::SecretsManager::Secret")
    assert wallet.told(secret.properties["KmsKeyId"], "signer") == KEY


def test_the_custodian_puts_and_never_reads(wallet: Deployed) -> None:
    custodian = wallet.roles()["signer.Custodian"]
    assert allowed(wallet, {"secretsmanager:PutSecretValue"}, SECRET) == {"signer.Custodian"}
    [denied] = [one for one in custodian if one["Effect"] == "Deny"]
    assert set(denied["Action"]) == READING | {"kms:Decrypt"}
    assert denied["Resource"] == "*"
    writing = [
        one for one in key_policy(wallet) if one.get("Principal") == {"AWS": "signer.Custodian.Arn"}
    ]
    assert [listed(one["Action"]) for one in writing] == [["kms:GenerateDataKey"]]


def test_other_secrets_have_their_own_readers(wallet: Deployed) -> None:
    stamps, nodes = "signer.Stamps", "signer.Nodes"
    assert allowed(wallet, READING, stamps) == {SIGNER, "api.ApiRole"}
    assert allowed(wallet, READING, nodes) == {"signer.BroadcastTransferRole"}
    requester = "arn:<Partition>:iam::<AccountId>:role/betting-ai-wallet/requester/*"
    for secret, readers in (
        (stamps, [f"{SIGNER}.Arn", requester]),
        (nodes, ["signer.BroadcastTransferRole.Arn"]),
    ):
        [read, _] = policy_of_secret(wallet, secret)
        assert read["Condition"] == {"ArnNotLike": {"aws:PrincipalArn": readers}}
