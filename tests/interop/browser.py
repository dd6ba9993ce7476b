"""Headless Chromium over its DevTools pipe, and pictures that it made compared."""

import base64
import json
import os
import shutil
import struct
import subprocess
import tempfile
import time
import zlib


class Browser:
    """One Chromium with a new profile; a context manager. Events are kept in `events`."""

    FLAGS = ["--headless", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run", "--disable-sync",
             "--disable-background-networking", "--disable-component-update", "--disable-extensions",
             "--hide-scrollbars", "--force-device-scale-factor=1", "--force-color-profile=srgb"]

    def __init__(self, width, height):
        self.profile = tempfile.mkdtemp(prefix="cunzheng-chromium-")
        flags = self.FLAGS + [f"--window-size={width},{height}", f"--user-data-dir={self.profile}"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        to_browser, self.write_end = os.pipe()
        self.read_end, from_browser = os.pipe()

        def fds():
            # Chromium reads 3 and writes 4; the copies on the way must not be either.
            high_in, high_out = os.dup2(to_browser, 100), os.dup2(from_browser, 101)
            os.dup2(high_in, 3)
            os.dup2(high_out, 4)

        self.process = subprocess.Popen(
            ["chromium", *flags, "about:blank"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, close_fds=False, preexec_fn=fds)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer, self.events, self.last_id = b"", [], 0
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime"):
            self.call(f"{domain}.enable", self.session)
        self.call("Emulation.setDeviceMetricsOverride", self.session,
                  width=width, height=height, deviceScaleFactor=1, mobile=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.write_end)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.read_end)
        shutil.rmtree(self.profile, ignore_errors=True)

    def _message(self):
        while b"\0" not in self.buffer:
            piece = os.read(self.read_end, 1 << 20)
            assert piece, "the browser ended"
            self.buffer += piece
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, session=None, **params):
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self.last_id:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def go(self, url):
        self.call("Page.navigate", self.session, url=url)

    def _contexts(self):
        """The main script contexts of all frames, whatever their depth."""
        found = set()
        for event in self.events:
            if event["method"] == "Runtime.executionContextsCleared":
                found.clear()
            elif event["method"] == "Runtime.executionContextCreated":
                context = event["params"]["context"]
                if context["auxData"].get("isDefault"):
                    found.add(context["id"])
            elif event["method"] == "Runtime.executionContextDestroyed":
                found.discard(event["params"].get("executionContextId"))
        return found

    def _evaluate(self, expression):
        """The value of a script in each frame where it has one."""
        for context in self._contexts():
            try:
                answer = self.call("Runtime.evaluate", self.session, contextId=context, returnByValue=True,
                                   awaitPromise=True, expression=expression)
            except AssertionError:
                continue  # the frame went away
            if "value" in answer["result"]:
                yield answer["result"]["value"]

    def texts(self):
        """What each frame shows that has been loaded: {address: text}."""
        return dict(self._evaluate("document.readyState === 'complete' && document.body"
                                   " ? [location.href, document.body.innerText] : undefined"))

    def in_frame(self, address, expression):
        """The value of a script in the frame whose address begins so."""
        script = f"location.href.startsWith({json.dumps(address)}) && ({expression})"
        return next(value for value in self._evaluate(script) if value)

    def wait_for_text(self, text, within_s, inside=""):
        """The address of the frame that shows `text`, of those whose address has `inside`."""
        deadline = time.monotonic() + within_s
        seen = {}
        while time.monotonic() < deadline:
            seen = self.texts()
            for address, shown in seen.items():
                if text in shown and inside in address:
                    return address
            time.sleep(0.2)
        raise AssertionError(f"no frame shows {text!r} within {within_s} s: {seen}")

    def screenshot(self):
        return base64.b64decode(self.call("Page.captureScreenshot", self.session, format="png")["data"])


def decode_png(png):
    """Width, height and RGB rows of an 8-bit RGB or RGBA picture."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, data = 8, b""
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at:at + 8])
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", png[at + 8:at + 21])
        elif kind == b"IDAT":
            data += png[at + 8:at + 8 + length]
        at += length + 12
    assert depth == 8 and colour in (2, 6) and interlace == 0
    channels = 3 if colour == 2 else 4
    raw, stride, rows = zlib.decompress(data), width * channels, []
    before = bytearray(stride)
    for y in range(height):
        kind = raw[y * (stride + 1)]
        row = bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        if kind in (1, 3, 4):
            for x in range(stride):
                left = row[x - channels] if x >= channels else 0
                up = before[x]
                if kind == 1:
                    guess = left
                elif kind == 3:
                    guess = (left + up) // 2
                else:
                    corner = before[x - channels] if x >= channels else 0
                    p = left + up - corner
                    a, b, c = abs(p - left), abs(p - up), abs(p - corner)
                    guess = left if a <= b and a <= c else up if b <= c else corner
                row[x] = (row[x] + guess) & 255
        elif kind == 2:
            row = bytearray((a + b) & 255 for a, b in zip(row, before))
        before = row
        rows.append(bytes(row) if channels == 3 else bytes(b for i, b in enumerate(row) if i % 4 != 3))
    return width, height, rows


def grey_cells(png, columns=64, rows=48):
    """The picture's mean brightness, 0..255, in each cell of a grid."""
    width, height, lines = decode_png(png)
    cells = []
    for j in range(rows):
        top, bottom = j * height // rows, max((j + 1) * height // rows, j * height // rows + 1)
        for i in range(columns):
            left, right = i * width // columns, max((i + 1) * width // columns, i * width // columns + 1)
            total = sum(sum(line[left * 3:right * 3]) for line in lines[top:bottom])
            cells.append(total / 3 / ((bottom - top) * (right - left)))
    return cells


def difference(a, b):
    """How unlike two pictures are: the mean absolute difference of their grey cells, 0 (alike) .. 255."""
    pairs = list(zip(grey_cells(a), grey_cells(b), strict=True))
    return sum(abs(x - y) for x, y in pairs) / len(pairs)
