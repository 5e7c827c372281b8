"""Keys and the codec server.

python -m payloads new-key FILE [--id ID] [--first] [--unless-there]   adds a key; the first of a file encrypts at once
python -m payloads use FILE ID                                         encrypts with that key from now on
python -m payloads list FILE                                           the ids, the encrypting one first
python -m payloads serve [--host 127.0.0.1] [--port 8234]              the codec server, of REBALANCER_PAYLOAD_KEYS
"""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from payloads.errors import BadKeyFile, PayloadError
from payloads.keys import new_key, read, write

PORT = 8234


def _new_key(given: argparse.Namespace) -> str:
    path: Path = given.file
    keys = read(path) if path.exists() else ()
    if keys and given.unless_there:
        return f"{path} is there: {keys[0].id} encrypts"
    key = new_key(given.id or datetime.now(UTC).strftime("%Y%m%dT%H%M%S"))
    if key.id in {each.id for each in keys}:
        raise BadKeyFile(f"{path} holds a key {key.id} already: give another --id")
    write(path, (key, *keys) if given.first else (*keys, key))
    if given.first or not keys:
        return f"{path}: {key.id} is added and encrypts from now on"
    return f"{path}: {key.id} is added and decrypts; once every file has it: python -m payloads use {path} {key.id}"


def _use(given: argparse.Namespace) -> str:
    keys = read(given.file)
    chosen = [key for key in keys if key.id == given.id]
    if not chosen:
        raise BadKeyFile(f"{given.file} holds no key {given.id}: it has {', '.join(key.id for key in keys)}")
    write(given.file, (*chosen, *(key for key in keys if key.id != given.id)))
    return f"{given.file}: {given.id} encrypts from now on"


def _list(given: argparse.Namespace) -> str:
    first, *others = read(given.file)
    return "\n".join([f"{first.id}  encrypts and decrypts", *(f"{key.id}  decrypts" for key in others)])


def _serve(given: argparse.Namespace) -> str:
    import uvicorn

    from payloads.codec import KEYS
    from payloads.server import Access, application
    from payloads.settings import ring

    keys = ring(os.environ)
    if keys is None:
        raise BadKeyFile(f"{KEYS} is not set: name the file of keys")
    uvicorn.run(application(keys, Access.of(os.environ)), host=given.host, port=given.port, log_level="warning")
    return "the codec server has ended"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m payloads", description="keys of Temporal's payloads")
    commands = parser.add_subparsers(required=True)
    make = commands.add_parser("new-key", help="adds a key to a file, which is made where there is none")
    make.add_argument("file", type=Path)
    make.add_argument("--id", help="its id; without it the time")
    make.add_argument("--first", action="store_true", help="encrypts at once, where one file is everybody's")
    make.add_argument("--unless-there", action="store_true", help="does nothing where the file has keys")
    make.set_defaults(do=_new_key)
    use = commands.add_parser("use", help="encrypts with a key of the file from now on")
    use.add_argument("file", type=Path)
    use.add_argument("id")
    use.set_defaults(do=_use)
    listing = commands.add_parser("list", help="the ids of a file's keys")
    listing.add_argument("file", type=Path)
    listing.set_defaults(do=_list)
    serve = commands.add_parser("serve", help="the codec server")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=PORT)
    serve.set_defaults(do=_serve)
    return parser


def main() -> None:
    """One line of what was done, or why not with exit code 1."""
    given = _parser().parse_args()
    try:
        sys.stdout.write(f"{given.do(given)}\n")
    except PayloadError as flaw:
        sys.exit(f"payloads: {flaw}")
    except OSError as flaw:
        sys.exit(f"payloads: {flaw.filename}: {flaw.strerror}")


if __name__ == "__main__":
    main()
