"""The last step before a child becomes the server it is to be: run as a script, it sets up itself and execs.

`subprocess` could do the same between fork and exec, in Python code that may deadlock where the parent has
threads (an SDK, a test runner). A fresh interpreter costs 15 ms and has no such hazard. Standard library only.

    python -I -S launch.py '{"parent": 7, "signal": 15, "user": [65534, 65534], "search": true}' postgres -D …

`parent`, `signal`: the child gets this signal when that process dies, however it dies (Linux).
`user`: user and group to become; for PostgreSQL, which refuses to run as root.
`search`: keep, of root's powers, only that of entering folders which are closed to that user, such as /root
around a clone. This instead of opening those folders to everybody, which would outlive us.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys

PR_SET_PDEATHSIG, PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 28, 47, 2
SECBIT_NO_SETUID_FIXUP = 4  # capabilities outlive setuid, and count in access(2), by which PostgreSQL asks
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2  # the second is enough, the first is what containers have
CAPABILITY_VERSION_3 = 0x20080522


def main(arguments: list[str]) -> None:
    """Become the command in `arguments[1:]` under the terms in `arguments[0]`; never returns."""
    terms = json.loads(arguments[0])
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's `&` makes its children ignore it
    if terms["user"] is not None:
        become(*terms["user"], search=terms["search"])
    if terms["signal"]:
        die_with(terms["parent"], terms["signal"])
    os.execv(arguments[1], arguments[1:])


def become(uid: int, gid: int, *, search: bool) -> None:
    """Give up root for this user, but for `search`."""
    if search:
        prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if search and not any(keep(capability) for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE)):
        sys.exit(
            f"PostgreSQL does not run as root, and user {uid} may not enter the folders of this project. "
            "Next: chmod o+x the folders above it, or clone it elsewhere."
        )


def keep(capability: int) -> bool:
    """Keep one capability, and no other, through exec."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    bit = 1 << capability
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)  # effective, permitted, inheritable; then the upper half
    if ctypes.CDLL(None).capset(header, sets) != 0:
        return False
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def die_with(parent: int, number: int) -> None:
    """Get this signal when `parent` dies. Elsewhere than on Linux the parent's own clean-up must do."""
    if not sys.platform.startswith("linux"):
        return
    prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it died before we asked
        sys.exit(1)


def prctl(option: int, *values: int) -> bool:
    """Linux's prctl(2); whether it was granted."""
    padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    return bool(ctypes.CDLL(None).prctl(ctypes.c_int(option), *padded) == 0)


if __name__ == "__main__":
    main(sys.argv[1:])
