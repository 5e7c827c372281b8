"""Keys in files: private ones for their owner alone, and never told."""

from pathlib import Path

import pytest

from identity import keys


def test_a_private_key_is_its_owners_alone(tmp_path: Path) -> None:
    key, path = keys.fresh(), tmp_path / "deep" / "signing-key.json"
    keys.write(key, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys.name(keys.read(path)) == keys.name(key)
    keys.write(keys.fresh(), path)  # in the place of the one before
    assert keys.name(keys.read(path)) != keys.name(key)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_key_that_others_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    keys.write(keys.fresh(), path)
    path.chmod(0o640)
    with pytest.raises(keys.NoKey, match="chmod 600"):
        keys.read(path)


@pytest.mark.parametrize("content", ["", "{}", '{"kty": "OKP", "crv": "Ed25519", "d": "SECRET"}', "[1]"])
def test_what_is_no_key_is_not_repeated(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(keys.NoKey) as told:
        keys.read(path)
    assert "SECRET" not in str(told.value)
    with pytest.raises(keys.NoKey, match="there is no signing key"):
        keys.read(tmp_path / "none")


def test_a_public_key_has_no_private_part() -> None:
    key = keys.fresh()
    private = key.as_dict(private=True)["d"]
    assert private not in keys.public_text(key)
    assert keys.name(keys.public(keys.public_text(key))) == keys.name(key)
    import json

    for text in (json.dumps(key.as_dict(private=True)), "{}", "x"):
        with pytest.raises(ValueError, match="not an Ed25519 public key"):
            keys.public(text)
