"""A wire that is cut: a relay between gateway and broker that breaks off in the middle of messages."""

import contextlib
import random
import socket
import threading


class Wire:
    """Listens at `port` and relays to `broker`; while it is `rough`, each connection ends after some bytes."""

    def __init__(self, port: int, broker: int, chance: random.Random) -> None:
        self.broker = broker
        self.chance = chance
        self.rough = True
        self.cuts = self.cut_inside = 0
        self.listening = socket.create_server(("127.0.0.1", port), reuse_port=True)
        threading.Thread(target=self._accept, daemon=True).start()

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
                left = [self.chance.randint(200, 5_000)]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._relay, args=(source, target, left), daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket, left: list[int]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                if self.rough and left[0] < len(data):
                    part = data[: max(0, left[0])]
                    self.cuts += 1
                    self.cut_inside += bool(part) and not part.endswith(b"\x01")
                    target.sendall(part)
                    break
                left[0] -= len(data)
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
