"""Where the files of tests are: in memory, where the machine has room for them.

A test makes a database of its own and drops it, and many make a whole stack: on a disk a database costs several times
the processor time that it costs in memory, most of it the kernel's. TMPDIR, where it is set, is respected.
"""

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")  # where Linux keeps files in memory; other systems have no such place
ROOM = 4 << 30  # bytes; three processes at work take 1 GB at most


def use() -> None:
    """Makes memory the place of temporary files, for this process and all that it starts."""
    if "TMPDIR" not in os.environ and _fits():
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def _fits() -> bool:
    return (
        MEMORY.is_dir()
        and os.access(MEMORY, os.W_OK)
        and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC  # tests start what they write
        and shutil.disk_usage(MEMORY).free >= ROOM
    )
