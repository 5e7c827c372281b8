"""`python fixcore_broker.py PORT FOLDER [VERSION]`: a broker on fixcore's acceptor, which nobody here wrote.

What it took and filled is in FOLDER/ledger.jsonl, the truth that tests compare with. FOLDER/quirks.json says how it
misbehaves; it is read at every message:

    parts N          fills in N parts                     resend    every fill is sent twice (97=Y)
    hold             fills nothing until it goes          swallow   fills are numbered and never sent: filled over
    lose N           the next N orders never arrive       no_status answers a question with 35=j
    reject 3|j       refuses orders at its gate           logout    logs out after the next order
    bust             busts the first fill of each order   deny_replace answers 35=G with 35=9
    garble           fills say "many" for their quantity  by_symbol {"X": {…}} does all that to orders of X alone
    to N             fills an order up to N, also beyond what was ordered; price P: for so much
    day YYYYMMDD     the trade date                       replace_to N  answers 35=G with so many
    better           fills at the limit, or a cent or two better
    pass_over        what changes a fill is numbered and never sent, as swallow does
    account A-9      fills come for that account
    commission 0.005  of each share (12, 13=1)            fee 0.01  of each fill's amount (136, 137), to the cent
    change {"E5": ["H", 0, 0], "E6": ["G", shares, price]} busts and corrects, each once, at whatever moment
"""

import asyncio
import contextlib
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from fixcore.application import Application
from fixcore.message.field import Group
from fixcore.message.message import Message
from fixcore.session.session_settings import SessionSettings
from fixcore.store.factory import FileStoreFactory
from fixcore.transport.acceptor import SocketAcceptor

DAY = "20261120"
FEES = 136  # the tag that counts them


class Broker(Application):
    def __init__(self, folder: Path, version: str) -> None:
        self.folder = folder
        self.version = version
        self.orders: dict[str, dict[str, Any]] = {}
        self.names: dict[str, str] = {}  # ClOrdID → the first one of its order
        self.inbox: asyncio.Queue[Message] = asyncio.Queue()
        self.acceptor: Any = None
        self.executions = 0
        self.fills: dict[str, tuple[str, Decimal, Decimal]] = {}  # ExecID → order, shares, price
        self.changed: set[str] = set()
        self._remember()

    def _remember(self) -> None:
        """What an earlier run took and filled."""
        if not (self.folder / "ledger.jsonl").exists():
            return
        for line in (self.folder / "ledger.jsonl").read_text().splitlines():
            each = json.loads(line)
            if "order" in each:
                fields = {int(tag): value for tag, value in each["fields"].items()}
                self.names[each["order"]] = each["order"]
                self.orders[each["order"]] = {"fields": fields, "quantity": Decimal(fields[38]), "done": Decimal(0),
                                              "cash": Decimal(0), "status": "0"}  # fmt: skip
            elif "fill" in each:
                order = self.orders[each["fill"]]
                order["done"] += Decimal(each["quantity"])
                order["cash"] += Decimal(each["quantity"]) * Decimal(each["price"])
                order["status"] = "2" if order["done"] >= order["quantity"] else "1"
                self.executions = max(self.executions, int(each["exec"][1:]))
                self.fills[each["exec"]] = (each["fill"], Decimal(each["quantity"]), Decimal(each["price"]))
            elif "replaced" in each:
                self.orders[each["replaced"]]["quantity"] = Decimal(each["quantity"])
                self.names[each["name"]] = each["replaced"]
                self.orders[each["replaced"]]["name"] = each["name"]
            elif "end" in each:
                self.orders[each["end"]]["status"] = each["status"]

    @property
    def day(self) -> str:
        return str(self.quirks().get("day", DAY))

    @property
    def session(self) -> Any:
        return next(iter(self.acceptor.sessions.values()))

    def quirks(self) -> dict[str, Any]:
        path = self.folder / "quirks.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def spend(self, quirk: str) -> bool:
        """Whether a quirk that counts down has something left."""
        told = self.quirks()
        left = int(told.get(quirk, 0))
        if left:
            (self.folder / "quirks.json").write_text(json.dumps(told | {quirk: left - 1}))
        return left > 0

    def write(self, **told: Any) -> None:
        with (self.folder / "ledger.jsonl").open("a") as ledger:
            ledger.write(json.dumps(told, default=str) + "\n")
            ledger.flush()

    def from_app(self, message: Message, session_id: Any) -> None:
        self.inbox.put_nowait(message)

    async def work(self) -> None:
        while True:
            message = await self.inbox.get()
            do = {"D": self.order, "F": self.cancel, "G": self.replace, "H": self.status, "J": self.allocate}
            await do[message.msg_type](message)

    async def fill(self) -> None:
        """One part of each open order a round."""
        while True:
            await asyncio.sleep(0.02)
            every = self.quirks()
            for name, order in list(self.orders.items()):
                told = every | every.get("by_symbol", {}).get(order["fields"][55], {})
                if (order["status"] in "01" and not told.get("hold")) or "over" in told:
                    await self.part(name, order, told)
            for exec_id, (kind, shares, price) in every.get("change", {}).items():
                if exec_id not in self.changed:
                    self.changed.add(exec_id)
                    await self.change_fill(exec_id, kind, Decimal(str(shares)), Decimal(str(price)))

    async def part(self, name: str, order: dict[str, Any], told: dict[str, Any]) -> None:
        parts = int(told.get("parts", 1))
        step = min(order["quantity"] - order["done"], max(Decimal(1), order["quantity"] // parts))
        if "to" in told or "over" in told:
            most = order["quantity"] if "to" in told else Decimal(told["over"])
            step = min(most, Decimal(told.get("to", told.get("over")))) - order["done"]
        if step <= 0:
            return
        worse = Decimal(self.executions % 3) / 100
        if told.get("better") and order["fields"][54] == "1":
            worse = -worse
        price = Decimal(told.get("price", Decimal(order["fields"][44]) + worse))
        order["done"] += step
        order["cash"] += step * price
        order["status"] = "2" if order["done"] >= order["quantity"] else "1"
        exec_id = self.next_id()
        fields = {150: "F", 17: exec_id, 32: step, 31: price} | self.charged(step, price)
        self.write(fill=name, exec=exec_id, quantity=step, price=price, costs=self.costs(fields, step))
        self.fills[exec_id] = (name, step, price)
        if told.get("account"):
            fields[1] = told["account"]
        if told.get("swallow"):
            self.pass_over(exec_id)
            return
        await self.execution(name, order, fields | ({32: "many"} if told.get("garble") else {}))
        if told.get("resend"):
            self.write(resent=exec_id)
            await self.execution(name, order, fields, resent=True)
        if told.get("bust") and not order.get("busted"):
            order["busted"] = True
            order["done"] -= step
            order["cash"] -= step * price
            order["status"] = "1"
            self.write(bust=exec_id, fill=name, quantity=-step, price=price, exec="E0")
            await self.execution(name, order, {150: "H", 17: self.next_id(), 19: exec_id, 32: step, 31: price})

    async def change_fill(self, exec_id: str, kind: str, shares: Decimal, price: Decimal) -> None:
        """Busts or corrects a fill, whenever it was; the order is not filled any further."""
        name, had, at = self.fills[exec_id]
        order = self.orders[name]
        order["done"] += shares - had
        order["cash"] += shares * price - had * at
        if order["status"] == "2" and order["done"] < order["quantity"]:
            order["status"] = "C"
        if order["status"] == "1" and order["done"] == order["quantity"]:
            order["status"] = "2"
        new = self.next_id()
        self.fills[new] = (name, shares, price)
        self.write(changed=exec_id, fill=name, quantity=-had, price=at, exec="E0")
        more = {150: kind, 17: new, 19: exec_id, 32: shares, 31: price} | self.charged(shares, price)
        self.write(fill=name, quantity=shares, price=price, exec=new, changes=exec_id, costs=self.costs(more, shares))
        if self.quirks().get("pass_over"):
            self.pass_over(new)
            return
        await self.execution(name, order, more)

    def charged(self, shares: Decimal, price: Decimal) -> dict[int, Any]:
        """What a fill costs, in the fields of its report."""
        told, fields = self.quirks(), dict[int, Any]()
        if shares and "commission" in told:
            fields |= {12: Decimal(str(told["commission"])), 13: "1"}
        if shares and "fee" in told:
            fee = (shares * price * Decimal(str(told["fee"]))).quantize(Decimal("0.01"))
            fields[FEES] = [{137: fee, 139: "1"}]
        return fields

    def costs(self, fields: dict[int, Any], shares: Decimal) -> Decimal:
        fees = sum((each[137] for each in fields.get(FEES, [])), Decimal(0))
        return Decimal(fields.get(12, 0)) * shares + fees

    def pass_over(self, exec_id: str) -> None:
        """A number that nothing is sent under: asked for it, the gap over it is filled."""
        self.write(swallowed=exec_id)
        store = self.session._store
        store.set_next_sender_msg_seq_num(store.next_sender_msg_seq_num() + 1)

    def next_id(self) -> str:
        self.executions += 1
        return f"E{self.executions}"

    async def order(self, message: Message) -> None:
        told = self.quirks()
        told |= told.get("by_symbol", {}).get(message.get_field(55), {})
        name = message.get_field(11)
        if self.spend("lose"):
            self.write(lost=name)
            return
        if told.get("reject") == "3":
            await self.send("3", {45: message.header.get(34), 372: "D", 373: "5", 371: "44", 58: "bad price"})
            return
        if told.get("reject") == "j":
            await self.send("j", {45: message.header.get(34), 372: "D", 379: name, 380: "2", 58: "unknown security"})
            return
        fields = {tag: message.get_field_or(tag) for tag in (1, 11, 38, 44, 54, 55, 591)}
        if name in self.names:
            self.write(duplicate=name)
            old = self.orders[self.names[name]]
            await self.execution(
                name, {**old, "status": "8", "done": Decimal(0)}, {150: "8", 103: "6", 58: "duplicate"}
            )
            return
        shares = [(each.get_field(79), each.get_field(80)) for each in message.get_groups(78)]
        self.write(order=name, fields={str(tag): value for tag, value in fields.items()}, allocations=shares)
        self.names[name] = name
        self.orders[name] = {"fields": fields, "quantity": Decimal(fields[38]), "done": Decimal(0), "cash": Decimal(0),
                             "status": "0"}  # fmt: skip
        await self.execution(name, self.orders[name], {150: "0", 17: self.next_id()})
        if self.spend("logout"):
            await self.session.send_logout("see you")
            await self.session.disconnect()

    async def cancel(self, message: Message) -> None:
        await self.change(message, cancel=True)

    async def replace(self, message: Message) -> None:
        await self.change(message, cancel=False)

    async def change(self, message: Message, *, cancel: bool) -> None:
        name, known = message.get_field(11), self.names.get(message.get_field(41))
        order = self.orders.get(known or "")
        denied = not cancel and self.quirks().get("deny_replace")
        if order is None or known is None or order["status"] not in "01" or denied:
            why = {102: "1" if order is None else "0", 58: "unknown order" if order is None else "too late"}
            await self.send("9", {37: known or "NONE", 11: name, 41: message.get_field(41), 39: "8", 434: "1", **why})
            return
        self.names[name] = known
        if cancel:
            order["status"] = "4"
            self.write(end=known, status="4")
            await self.execution(known, order, {150: "4", 17: self.next_id(), 11: name, 41: message.get_field(41)})
            return
        asked = Decimal(self.quirks().get("replace_to", message.get_field(38)))
        order["quantity"] = max(order["done"], asked)
        order["status"] = "2" if order["done"] >= order["quantity"] else order["status"]
        order["name"] = name
        self.write(replaced=known, quantity=order["quantity"], name=name)
        more = {150: "5", 17: self.next_id(), 11: name, 41: message.get_field(41)}
        await self.execution(known, order, more)

    async def status(self, message: Message) -> None:
        if self.quirks().get("no_status"):
            await self.send("j", {45: message.header.get(34), 372: "H", 380: "3", 58: "not supported"})
            return
        name = message.get_field(11)
        known = self.names.get(name)
        asked = {150: "I", 17: "0", 790: message.get_field_or(790) or "x"}
        if known is None:
            zero, fields = Decimal(0), {11: name, 55: message.get_field(55), 54: "1"}
            none = {"fields": fields, "quantity": zero, "done": zero, "cash": zero, "status": "8"}
            await self.execution(name, none, asked | {103: "5", 58: "unknown order"})
            return
        await self.execution(known, self.orders[known], asked | {11: name})

    async def allocate(self, message: Message) -> None:
        id_, entries = message.get_field(70), message.get_groups(78)
        said = {tag: message.get_field_or(tag) for tag in (71, 72, 6, 53, 75, 857)}
        orders = [each.get_field(11) for each in message.get_groups(73)]
        parts = [(each.get_field(79), each.get_field(80), each.get_field_or(154)) for each in entries]
        self.write(
            allocation=id_, accounts=parts, fields={str(tag): value for tag, value in said.items()}, orders=orders
        )
        refused = self.quirks().get("refuse_account")
        for status in ("3", "2" if refused else "0"):
            told = Message()
            told.header.set(35, "P")
            for tag, value in {70: id_, 60: f"{self.day}-15:00:00", 87: status}.items():
                told.set_field(tag, value)
            for each in entries if status == "2" else []:
                entry = Group()
                entry.set_field(79, each.get_field(79))
                entry.set_field(80, each.get_field(80))
                if each.get_field(79) == refused:
                    entry.set_field(776, "0")
                    entry.set_field(161, "no such account")
                told.add_group(78, entry)
            await self.say(told)
        report = Message()
        report.header.set(35, "AS")
        for tag, value in {755: f"S-{id_}", 70: id_, 71: "0", 87: "0", 54: "1", 55: "X"}.items():
            report.set_field(tag, value)
        for each in entries:
            entry = Group()
            entry.set_field(79, each.get_field(79))
            entry.set_field(80, each.get_field(80))
            report.add_group(78, entry)
        await self.say(report)
        for each in entries:
            ok = each.get_field(79) != refused
            await self.send("AK", {664: f"C-{id_}-{each.get_field(79)}", 70: id_, 79: each.get_field(79),
                                   80: each.get_field(80), 665: "4" if ok else "3", 666: "0", 773: "2", 55: "X",
                                   54: "1", 58: "" if ok else "no such account"})  # fmt: skip

    async def execution(self, name: str, order: dict[str, Any], more: dict[int, Any], *, resent: bool = False) -> None:
        done = order["done"]
        fields = {
            1: order["fields"].get(1), 6: order["cash"] / done if done else 0, 11: order.get("name", name), 14: done,
            17: more.get(17, "0"), 37: name, 38: order["quantity"], 39: order["status"], 54: order["fields"][54],
            55: order["fields"][55], 60: f"{self.day}-15:00:00", 75: self.day,
            151: order["quantity"] - done if order["status"] in "01" else 0,
        } | more  # fmt: skip
        await self.send("8", fields, resent=resent)

    async def send(self, kind: str, fields: dict[int, Any], *, resent: bool = False) -> None:
        message = Message()
        message.header.set(35, kind)
        if resent:
            message.header.set(97, "Y")
        for tag, value in fields.items():
            if tag == FEES:
                for each in value:
                    entry = Group()
                    for within, amount in each.items():
                        entry.set_field(within, f"{amount:f}" if isinstance(amount, Decimal) else str(amount))
                    message.add_group(FEES, entry)
            elif value not in (None, ""):
                message.set_field(tag, f"{value:f}" if isinstance(value, Decimal) else str(value))
        await self.say(message)

    async def say(self, message: Message) -> None:
        """Sends a message, once there is somebody to send it to."""
        while True:
            while not self.session.is_logged_on:
                await asyncio.sleep(0.02)
            with contextlib.suppress(RuntimeError, OSError):
                await self.session.send_app(message)
                return


async def main(port: int, folder: Path, version: str) -> None:
    settings = SessionSettings.from_string(
        f"[DEFAULT]\nConnectionType=acceptor\nSocketAcceptHost=127.0.0.1\nSocketAcceptPort={port}\n"
        f"[SESSION]\nBeginString={version}\nSenderCompID=BROKER\nTargetCompID=REBALANCER\nHeartBtInt=5\n"
        f"UseDataDictionary=Y\nDataDictionary={version.replace('.', '')}.xml\n"
    )
    broker = Broker(folder, version)
    broker.acceptor = SocketAcceptor(settings, broker, FileStoreFactory(folder / "store"))
    async with broker.acceptor:
        await asyncio.gather(broker.work(), broker.fill())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "FIX.4.4"))
