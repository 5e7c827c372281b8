"""The file of keys: what it may hold, how a key is changed, what is said of a bad one."""

import subprocess
import sys
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

from payloads.codec import Encryption, is_encrypted, key_of
from payloads.errors import BadKeyFile, CannotDecode
from payloads.keys import KeyRing, new_key, read, write
from payloads.messages import decrypt


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path / "keys", (new_key("one"),))
    return tmp_path / "keys"


def plain(text: str) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=text.encode())


def test_what_is_encrypted_comes_back_and_shows_nothing(path: Path) -> None:
    codec = Encryption(KeyRing(path))
    given = [plain('"A-103"'), plain("1234.56"), Payload()]
    told = codec.encrypted(given)
    assert codec.decrypted(told) == given
    assert [key_of(each) for each in told] == ["one"] * 3
    assert not any(secret in each.SerializeToString() for each in told for secret in (b"A-103", b"1234.56", b"json"))
    assert codec.encrypted(given)[0].data != told[0].data  # a nonce of its own each time
    assert codec.encrypted(told) == told  # and never twice


def test_a_key_is_changed_while_everybody_works(path: Path) -> None:
    """The new line last, in every file; then first. At every moment everybody reads everybody."""
    ours, theirs = path, path.with_name("theirs")
    theirs.write_text(ours.read_text())
    two = (Encryption(KeyRing(ours)), Encryption(KeyRing(theirs)))
    old = two[0].encrypted([plain("before")])
    new = new_key("two")
    used = []
    for path_, keys in (
        (ours, (*read(ours), new)),
        (theirs, (*read(theirs), new)),
        (ours, (new, *read(theirs)[:1])),
        (theirs, (new, *read(theirs)[:1])),
    ):
        write(path_, keys)
        for writer in two:
            told = writer.encrypted([plain("now")])
            used.append(key_of(told[0]))
            assert [reader.decrypted(told) for reader in two] == [[plain("now")]] * 2
    assert used == ["one"] * 4 + ["two", "one", "two", "two"]
    assert two[1].decrypted(old) == [plain("before")]


def test_a_key_that_is_not_here_is_named(path: Path, tmp_path: Path) -> None:
    told = Encryption(KeyRing(path)).encrypted([plain("secret")])
    write(tmp_path / "others", (new_key("other"),))
    with pytest.raises(CannotDecode, match=r"encrypted by the key one, which .*others does not hold"):
        Encryption(KeyRing(tmp_path / "others")).decrypted(told)


def test_another_key_of_the_same_id_is_found_out(path: Path, tmp_path: Path) -> None:
    told = Encryption(KeyRing(path)).encrypted([plain("secret")])
    write(tmp_path / "others", (new_key("one"),))
    with pytest.raises(CannotDecode, match="or the file holds another key under that id"):
        Encryption(KeyRing(tmp_path / "others")).decrypted(told)


@pytest.mark.parametrize("at", [0, 11, 12, -1], ids=["nonce", "nonce's end", "content", "tag"])
def test_a_changed_byte_is_found_out(path: Path, at: int) -> None:
    codec = Encryption(KeyRing(path))
    (told,) = codec.encrypted([plain("secret")])
    data = bytearray(told.data)
    data[at] ^= 1
    told.data = bytes(data)
    with pytest.raises(CannotDecode, match="it was changed"):
        codec.decrypted([told])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "holds no key"),
        ("# only words\n", "holds no key"),
        ("one\n", "line 1 is not `ID BASE64`"),
        ("one c2hvcnQ=\n", "the key one has 5 bytes instead of 32"),
        ("one ?!\n", "what follows one is not base64"),
        ("o/ne " + "A" * 43 + "=\n", "line 1 is not `ID BASE64`"),
        (("one " + "A" * 43 + "=\n") * 2, "line 2: the key one stands there already"),
    ],
)
def test_a_bad_file_is_told_in_a_line_without_its_secrets(path: Path, content: str, says: str) -> None:
    path.write_text(content)
    with pytest.raises(BadKeyFile) as told:
        KeyRing(path)
    assert says in str(told.value) and "\n" not in str(told.value)
    assert not any(word in str(told.value) for word in ("c2hvcnQ=", "?!", "AAAA"))


def test_a_file_that_breaks_under_way_breaks_nothing(path: Path) -> None:
    codec = Encryption(KeyRing(path))
    told = codec.encrypted([plain("secret")])
    path.write_text("half a li")
    assert codec.decrypted(told) == [plain("secret")]
    path.unlink()
    assert codec.decrypted(told) == [plain("secret")]


def test_a_history_is_decrypted_however_deep_its_payloads_lie(path: Path) -> None:
    codec = Encryption(KeyRing(path))
    inner = Failure()
    inner.encoded_attributes.CopyFrom(codec.encrypted([plain('{"message": "no A-103", "stack_trace": "there"}')])[0])
    outer = Failure(cause=inner)
    outer.application_failure_info.details.CopyFrom(Payloads(payloads=codec.encrypted([plain("1"), plain("2")])))
    event = HistoryEvent()
    event.activity_task_failed_event_attributes.failure.CopyFrom(outer)
    started = event.user_metadata.summary
    started.CopyFrom(codec.encrypted([plain('"A-103"')])[0])
    memo = HistoryEvent()
    memo.workflow_execution_started_event_attributes.memo.fields["why"].CopyFrom(codec.encrypted([plain("m")])[0])
    for each in (event, memo):
        decrypt(codec, each)
        assert b"binary/encrypted" not in each.SerializeToString()
    failure = event.activity_task_failed_event_attributes.failure
    assert (failure.cause.message, failure.cause.stack_trace) == ("no A-103", "there")
    assert [each.data for each in failure.application_failure_info.details.payloads] == [b"1", b"2"]
    assert memo.workflow_execution_started_event_attributes.memo.fields["why"] == plain("m")


def command(*words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "payloads", *words], capture_output=True, text=True, check=False, env={"PATH": ""}
    )
    return done.returncode, (done.stdout or done.stderr).strip()


def test_keys_are_made_and_changed_by_a_command(tmp_path: Path) -> None:
    file = str(tmp_path / "new" / "keys")
    assert command("new-key", file, "--id", "a") == (0, f"{file}: a is added and encrypts from now on")
    assert (tmp_path / "new" / "keys").stat().st_mode & 0o777 == 0o600
    assert command("new-key", file, "--id", "b")[1].startswith(f"{file}: b is added and decrypts; once every file")
    assert command("list", file)[1].splitlines() == ["a  encrypts and decrypts", "b  decrypts"]
    assert command("use", file, "b") == (0, f"{file}: b encrypts from now on")
    assert [key.id for key in read(Path(file))] == ["b", "a"]
    assert command("new-key", file, "--unless-there") == (0, f"{file} is there: b encrypts")
    assert command("use", file, "c") == (1, f"payloads: {file} holds no key c: it has b, a")
    assert command("new-key", file, "--id", "a")[1] == f"payloads: {file} holds a key a already: give another --id"
    assert command("serve") == (1, "payloads: REBALANCER_PAYLOAD_KEYS is not set: name the file of keys")


def test_nothing_encrypted_is_taken_for_plain(path: Path) -> None:
    (told,) = Encryption(KeyRing(path)).encrypted([plain("x")])
    assert is_encrypted(told) and not is_encrypted(plain("x"))
