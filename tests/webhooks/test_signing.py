"""Signatures against the example of the Standard Webhooks specification, and what breaks them."""

from webhooks import signing

# Of the specification's reference library: secret, id, timestamp, body and what it signs.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_it_signs_as_the_specification_does() -> None:
    assert signing.signature(SECRET, ID, AT, BODY) == SIGNED


def test_every_part_is_signed() -> None:
    others = {
        signing.signature(signing.fresh(), ID, AT, BODY),
        signing.signature(SECRET, ID + "x", AT, BODY),
        signing.signature(SECRET, ID, AT + 1, BODY),
        signing.signature(SECRET, ID, AT, BODY + b" "),
    }
    assert len(others) == 4 and SIGNED not in others


def test_two_secrets_sign_beside_each_other() -> None:
    new = signing.fresh()
    carried = signing.headers([new, SECRET], ID, AT, BODY)
    assert carried["webhook-id"] == ID and carried["webhook-timestamp"] == str(AT)
    assert carried["webhook-signature"].split() == [signing.signature(new, ID, AT, BODY), SIGNED]
