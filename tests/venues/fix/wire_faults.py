"""A wire that is cut: a relay between gateway and broker that breaks off inside messages, where it is told to."""

import contextlib
import random
import socket
import threading

ENDS = b"\x0110="  # what every message ends with; then three digits and a SOH


class Wire:
    """Listens at `port`, relays to `broker`, and is whole until somebody asks for a cut."""

    def __init__(self, port: int, broker: int, chance: random.Random) -> None:
        self.broker = broker
        self.chance = chance
        self.cuts = {"ours": 0, "theirs": 0}  # messages that were cut, by whose they were
        self.happened = threading.Event()
        self._wanted: tuple[str, bytes, int] | None = None
        self._lock = threading.Lock()
        self.listening = socket.create_server(("127.0.0.1", port), reuse_port=True)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, whose: str, kind: str, after: int = 0) -> None:
        """Cuts the connection inside a message of this type that comes from this side, once `after` have passed."""
        with self._lock:
            self.happened.clear()
            self._wanted = (whose, f"\x0135={kind}\x01".encode(), after)

    def close(self) -> None:
        self.listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listening.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self.broker), 2)
                except OSError:
                    near.close()
                    continue
                far.settimeout(None)  # a quiet connection is no broken one
                for source, target, whose in ((near, far, "ours"), (far, near, "theirs")):
                    threading.Thread(target=self._relay, args=(source, target, whose), daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket, whose: str) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                at = self._where(whose, data)
                if at is not None:
                    target.sendall(data[:at])
                    break
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _where(self, whose: str, data: bytes) -> int | None:
        """Behind which byte to cut: one inside the message that is meant. None where none of it is here."""
        with self._lock:
            if self._wanted is None or self._wanted[0] != whose:
                return None
            _, mark, after = self._wanted
            found = data.count(mark)
            if found <= after:
                self._wanted = (whose, mark, after - found)
                return None
            at = -1
            for _ in range(after + 1):
                at = data.find(mark, at + 1)
            end = data.find(ENDS, at)
            last = len(data) if end < 0 else end + len(ENDS) + 3  # up to its last SOH, without it
            self._wanted = None
            self.cuts[whose] += 1
            self.happened.set()
            return self.chance.randint(at + 1, max(at + 1, min(last, len(data) - 1)))
