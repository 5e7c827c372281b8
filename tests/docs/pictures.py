"""The pictures of docs/console.md, taken of a running console in a real browser.

python -m tests.docs.pictures [FOLDER]     docs/console, without one
"""

import base64
import struct
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, expect

from tests.web.world import PATIENCE, World, planned, world

FOLDER = Path(__file__).parents[2] / "docs" / "console"
WIDE = {"width": 1200, "height": 420}
NARROW = {"width": 390, "height": 700}
TALLEST = 1100  # pixels; a picture shows how a page looks, not all that is on it


# Whatever decodes a picture in the browser: its bytes, red, green, blue and opacity by turns.
DECODE = """async source => {
    const picture = await createImageBitmap(await (await fetch(source)).blob());
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    const bytes = context.getImageData(0, 0, picture.width, picture.height).data;
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return [picture.width, picture.height, btoa(text)];
}"""


def smaller(page: Page, png: bytes) -> bytes:
    """The same picture in the 256 colours that it has most of, packed as closely as it can be."""
    source = "data:image/png;base64," + base64.b64encode(png).decode()
    wide, tall, raw = page.evaluate(DECODE, source)
    pixels = np.frombuffer(base64.b64decode(raw), np.uint8).reshape(-1, 4)[:, :3].astype(np.int32)
    colours, which, count = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    most = colours[np.argsort(-count)[:256]]
    near = np.array([np.abs(most - each).sum(axis=1).argmin() for each in colours], np.uint8)
    rows = near[which.reshape(-1)].reshape(tall, wide)
    packer = zlib.compressobj(9, zlib.DEFLATED, 15, 9)
    packed = packer.compress(b"".join(b"\0" + row.tobytes() for row in rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", wide, tall, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", most.astype(np.uint8).tobytes()), (b"IDAT", packed), (b"IEND", b""))
    return png[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


class Camera:
    """Takes pictures into a folder, each under its name."""

    def __init__(self, folder: Path, browser: Browser) -> None:
        self.folder = folder
        self.darkroom = browser.new_page()
        self.taken: list[str] = []

    def take(self, page: Page, name: str, path: str | None = None) -> None:
        """A picture of a page as it is, or of the page at a path; its live parts are there."""
        if path is not None:
            page.goto(path)
        page.mouse.move(600, 5)
        page.wait_for_timeout(400)
        view = page.viewport_size or WIDE
        tall = min(int(page.evaluate("document.documentElement.scrollHeight")), TALLEST)
        page.set_viewport_size({"width": view["width"], "height": tall})  # so that what sticks to an edge sticks there
        png = page.screenshot(animations="disabled", caret="hide")
        page.set_viewport_size({"width": view["width"], "height": view["height"]})
        (self.folder / f"{name}.png").write_bytes(smaller(self.darkroom, png))
        self.taken.append(name)


def a_day(there: World, camera: Camera) -> None:
    """What an operator, an approver, an auditor and who administers see, in the order of a day."""
    with (
        there.as_("ann", viewport=WIDE) as ann,
        there.as_("ben", viewport=WIDE) as ben,
        there.as_("cleo", viewport=WIDE) as cleo,
        there.as_("ada", viewport=WIDE) as ada,
    ):
        camera.take(ben, "nothing-waits", "/approvals")
        ann.goto("/queue")
        ann.get_by_role("button", name="Evaluate now").click()
        expect(ann.get_by_role("checkbox", name="Choose A-114", exact=True)).to_be_visible(timeout=PATIENCE)
        camera.take(ann, "overview", "/")
        camera.take(ann, "queue", "/queue")
        request = planned(ann, "A-103", "A-104", "A-114")
        camera.take(ann, "request")
        camera.take(ann, "not-your-own", request + "/review")
        camera.take(ben, "approvals", "/approvals")
        camera.take(ben, "review", request + "/review")
        camera.take(ben, "review-by-security", request + "/review?by=trade")
        ben.goto(request)
        rebalance = str(ben.locator("tbody a[href^='/rebalances/']").first.get_attribute("href"))
        camera.take(ben, "rebalance", rebalance)
        with there.as_("ben", viewport=WIDE, color_scheme="dark") as dark:
            camera.take(dark, "rebalance-dark", rebalance)
        with there.as_("ben", viewport=NARROW) as narrow:
            camera.take(narrow, "review-narrow", request + "/review")
        ben.goto(request + "/review")
        ben.get_by_role("button", name="Approve these 3 plans").click()
        ann.goto(request)
        expect(ann.locator("h1 .status")).to_have_text("complete", timeout=PATIENCE)
        camera.take(ann, "account", "/accounts/A-103")
        camera.take(ann, "diagnosis", "/accounts/A-113/diagnosis")
        _edited(ann, camera)
        camera.take(ann, "status", "/status")
        camera.take(ann, "refused", "/queue?reason=BOREDOM")
        camera.take(cleo, "story", f"{rebalance}/story")
        camera.take(cleo, "explained", f"{rebalance}/explain")
        cleo.goto("/record")
        cleo.get_by_role("button", name="Verify all of it").click()
        expect(cleo.get_by_role("heading", name="The record is what was recorded")).to_be_visible()
        camera.take(cleo, "verified")
        ada.goto("/people")
        ada.get_by_label("Name", exact=True).fill("erin")
        ada.get_by_label("approver").last.check()
        ada.get_by_role("button", name="Add", exact=True).click()
        ada.goto("/people")
        ada.mouse.click(600, 5)
        camera.take(ada, "people")
        ada.goto("/webhooks")
        ada.get_by_label("Address").fill("https://hooks.example.com/rebalancer")
        ada.get_by_label("Events").fill("rebalance ended")
        ada.get_by_role("button", name="Add", exact=True).click()
        ada.goto("/webhooks")
        camera.take(ada, "webhooks")
    assert there.troubles == [], there.troubles


def _edited(ann: Page, camera: Camera) -> None:
    """A target's next version, checked and not stored."""
    ann.goto("/targets/BALANCED/edit")
    text = ann.get_by_label("The target, as a book has it")
    text.fill(text.input_value().replace('"0.02"', '"0.03"').replace('"0.18"', '"0.17"'))
    ann.get_by_role("button", name="Check").click()
    expect(ann.get_by_text("Nothing is written yet.")).to_be_visible()
    camera.take(ann, "target-edit")


def main(arguments: list[str]) -> int:
    """Starts a stack with the demo's book, and takes them all."""
    folder = Path(arguments[0]) if arguments else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rebalancer-pictures-") as home, world(Path(home)) as there:
        camera = Camera(folder, there.browser)
        a_day(there, camera)
    sys.stdout.write(f"{len(camera.taken)} pictures in {folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
