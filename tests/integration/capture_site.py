"""A web site on 127.0.0.1 for the tests of captures: what pages really do, and what hostile ones may.

It is served by HTTP, by HTTPS with a certificate of its own authority, and by HTTPS with one that nobody vouches for.
Names are made up: Chromium is told by --host-resolver-rules that *.test is this machine.

    with Site() as site:
        site.http("/redirect/3"), site.https("/"), site.browser_arguments()

By hand: python3 tests/integration/capture_site.py
"""
import base64
import gzip
import hashlib
import http.server
import os
import shutil
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import zlib

import brotli

SHOP, OTHER, IDN = "shop.test", "other.test", "例子.test"
BANDS = [(0xC0, 0x30, 0x30), (0x30, 0xA0, 0x40), (0x30, 0x50, 0xC0), (0xD0, 0xA0, 0x20)]
TALL = 12_000
BAND = 500
ENDLESS_SECONDS = 120


def png(width, height, colour):
    """An image of one colour."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = (b"\0" + bytes(colour) * width) * height
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def wav(seconds):
    """Sound, which browsers ask for in ranges."""
    rate, data = 8_000, bytes(128 + (i * 7) % 64 for i in range(8_000)) * seconds
    return (b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " +
            struct.pack("<IHHIIHH", 16, 1, 1, rate, rate, 1, 8) + b"data" + struct.pack("<I", len(data)) + data)


def page(body, title="Test", head=""):
    return (f"<!doctype html><html lang=zh-CN><head><meta charset=utf-8><title>{title}</title>{head}</head>"
            f"<body>{body}</body></html>").encode()


CJK = "电子数据存证：网页取证测试，中文、日本語、한국어。侵权商品链接与价格 ¥199.00"
CLIP, FILM = wav(20), wav(600)
SCRIPT = b"document.getElementById('by-script').textContent = '\xe7\x94\xb1\xe8\x84\x9a\xe6\x9c\xac\xe5\x86\x99\xe5\x85\xa5';"
STYLE = b"body{font:16px sans-serif;margin:20px} h1{color:#226} .band{height:%dpx;margin:0}" % BAND


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = ENDLESS_SECONDS

    def log_message(self, *args):
        pass

    def do_GET(self):
        parts = urllib.parse.urlsplit(self.path)
        self.query = urllib.parse.parse_qs(parts.query)
        path = urllib.parse.unquote(parts.path)
        with self.server.site.lock:
            self.server.site.seen.append((self.headers.get("Host", ""), self.path))
            self.server.site.sent.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        first, _, rest = path.lstrip("/").partition("/")
        method = getattr(self, "page_" + (first.replace(".", "_").replace("-", "_") or "index"), None)
        if method is None and path == "/商品/第一页":
            method = self.page_chinese
        try:
            if method is None:
                self.send(page("<h1>404</h1><p>没有这个页面</p>", "404"), status=404)
            else:
                method(rest)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError, TimeoutError):
            self.close_connection = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        with self.server.site.lock:
            self.server.site.posted.append(body)
        self.send(b"got " + str(len(body)).encode(), "text/plain")

    def send(self, body, kind="text/html; charset=utf-8", status=200, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if "Transfer_Encoding" not in headers:
            self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            for one in value if isinstance(value, list) else [value]:
                self.send_header(name.replace("_", "-"), one)
        self.end_headers()
        self.wfile.write(body)

    def redirect(self, to, status=302, **headers):
        self.send(b"", status=status, Location=to, **headers)

    # ---- What pages really do.

    def page_index(self, _):
        self.send(page(
            f"<h1>{CJK}</h1><p id=by-script></p><img src=/img/0/40/40><p>中文粗体 <b>存证</b> <i>斜体</i></p>"
            "<img src=/missing.png><a href=/cookies>next</a><script src=/script.js></script>"
            "<script>fetch('/post', {method: 'POST', body: 'name=值&n=1'})</script>",
            "存证测试页 & <test>", "<link rel=stylesheet href=/style.css>"))

    def page_style_css(self, _):
        self.send(STYLE, "text/css")

    def page_script_js(self, _):
        self.send(SCRIPT, "text/javascript")

    def page_favicon_ico(self, _):
        self.send(png(16, 16, BANDS[2]), "image/png")

    def page_img(self, rest):
        colour, width, height = (int(x) for x in rest.split("/"))
        self.send(png(width, height, BANDS[colour % 4]), "image/png")

    def page_redirect(self, rest):
        left = int(rest)
        to = f"/redirect/{left - 1}" if left else "/cookies?from=redirect"
        self.redirect(to, status=(301, 302, 303, 307, 308)[left % 5], Set_Cookie=f"hop{left}={left}; Path=/")

    def page_cookies(self, _):
        got = self.headers.get("Cookie", "")
        self.send(page(f"<p id=got>{got}</p><script>fetch('/echo')</script>", "cookies"),
                  Set_Cookie=["session=secret; HttpOnly; Path=/", "shown=1; Path=/"])

    def page_echo(self, _):
        self.send(self.headers.get("Cookie", "none").encode(), "text/plain")

    def page_frames(self, _):
        other = self.server.site.http("/inner?from=other", OTHER)
        self.send(page("<h1>frames</h1><iframe src=/inner?from=same height=100></iframe>"
                       f"<iframe src={other} height=100></iframe>"
                       "<iframe srcdoc='<img src=/img/1/21/21>'></iframe>"
                       "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA='>"
                       "<script>const u = URL.createObjectURL(new Blob(['blob text']));fetch(u).then(r => r.text());"
                       "new Worker('/worker.js')</script>", "frames"))

    def page_inner(self, _):
        self.send(page(f"<p>inner {self.headers['Host']}</p><img src=/img/2/22/22>", "inner"))

    def page_worker_js(self, _):
        self.send(b"fetch('/from-worker').then(r => postMessage(r.status))", "text/javascript")

    def page_from_worker(self, _):
        self.send(b"worker", "text/plain")

    def page_lazy(self, _):
        rows = "".join(f"<div style='height:1500px'><img loading=lazy src=/img/{i}/30/{31 + i}></div>" for i in range(6))
        self.send(page(rows, "lazy"))

    def page_app(self, _):
        """As most applications of the web are: the window does not scroll, a list in it does, and grows."""
        def rows(colour):
            return "".join(f"<div class=row><img loading=lazy src=/img/{colour}/{60 + i}/20></div>" for i in range(5))
        self.send(page(
            f"<div id=side>{rows(1)}</div><main id=list>{rows(2)}</main><script>list.addEventListener('scroll', () => {{"
            "if (list.dataset.more || list.scrollTop + innerHeight < list.scrollHeight - 300) return; list.dataset.more = 1;"
            "fetch('/batch/9').then(r => r.text()).then(t => list.insertAdjacentHTML('beforeend', t))})</script>", "app",
            "<style>*{margin:0}html,body{height:100%;overflow:hidden}#side,#list{height:100vh;overflow-y:auto;float:left}"
            "#side{width:20%}#list{width:80%;scroll-behavior:smooth}.row{height:2500px}</style>"))

    def page_infinite(self, rest):
        most = int(rest or "4")
        self.send(page(
            "<div id=all><p style='height:1500px'>start</p></div><script>let n=0, busy=false;addEventListener('scroll', "
            "async () => { if (busy || n >= %d || innerHeight + scrollY < document.body.scrollHeight - 300) return;"
            "busy = true; const t = await (await fetch('/batch/' + n++)).text();"
            "document.getElementById('all').insertAdjacentHTML('beforeend', t); busy = false; })</script>" % most))

    def page_batch(self, rest):
        self.send(f"<p style='height:1200px'>batch {rest} 第{rest}批</p>".encode())

    def page_tall(self, rest):
        height = int(rest or TALL)
        bands = "".join(f"<div class=band style='height:{BAND}px;background:rgb{BANDS[i % 4]}'>{i * BAND}</div>"
                        for i in range(height // BAND))
        self.send(page(bands, "tall", "<style>*{margin:0}</style>"))

    def page_sticky(self, _):
        self.send(page("<div style='position:fixed;top:0;left:0;right:0;height:50px;background:#c03030'>fixed 固定</div>"
                       "<div style='height:100vh;background:#eef'>one viewport</div>"
                       "<div style='height:3000px;background:linear-gradient(#fff,#30a040)'>long</div>", "sticky"))

    def page_encodings(self, _):
        self.send(page("".join(f"<script src=/encoded/{e}></script>" for e in ("gzip", "deflate", "br", "chunked", "none"))))

    def page_encoded(self, rest):
        body = f"window.{rest} = '{rest} 压缩';".encode() * 50
        kind = "text/javascript; charset=utf-8"
        if rest == "gzip":
            return self.send(gzip.compress(body), kind, Content_Encoding="gzip")
        if rest == "deflate":
            return self.send(zlib.compress(body), kind, Content_Encoding="deflate")
        if rest == "br":
            return self.send(brotli.compress(body), kind, Content_Encoding="br")
        if rest == "chunked":
            pieces = [body[i:i + 100] for i in range(0, len(body), 100)]
            return self.send(b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n", kind,
                             Transfer_Encoding="chunked")
        return self.send(body, kind)

    def page_media(self, _):
        self.send(page("<video src=/clip.wav preload=auto controls></video>", "media"))

    def page_clip_wav(self, _):
        wanted = self.headers.get("Range", "")
        if not wanted.startswith("bytes="):
            return self.send(CLIP, "audio/wav", Accept_Ranges="bytes")
        begin, _, end = wanted[6:].partition("-")
        begin, end = int(begin), min(int(end or len(CLIP) - 1), len(CLIP) - 1)
        return self.send(CLIP[begin:end + 1], "audio/wav", status=206, Accept_Ranges="bytes",
                         Content_Range=f"bytes {begin}-{end}/{len(CLIP)}")

    def page_player(self, rest):
        """A film of which the player takes the beginning, and what slicer does."""
        self.page_slicer(rest, "<video src=/slices/film.wav preload=metadata controls></video>")

    def page_slicer(self, rest, more=""):
        """Scripts take slices of what REST names, and both halves of "halves"."""
        ranges = [(name, "100-299") for name in rest.split("+") if name != "halves"]
        if "halves" in rest:
            ranges += [("halves", "0-99999"), ("halves", "100000-")]
        slices = "".join(f"fetch('/slices/{name}', {{headers: {{Range: 'bytes={range}'}}}}).then(r => r.blob());"
                         for name, range in ranges)
        self.send(page(f"{more}<script>{slices}</script>", "slices"))

    def page_slices(self, rest):
        """CLIP or FILM in slices; what comes of all of it at once is in the name."""
        wanted = self.headers.get("Range", "")
        whole = FILM if rest == "film.wav" else CLIP
        if wanted.startswith("bytes="):
            begin, _, end = wanted[6:].partition("-")
            begin, end = int(begin), min(int(end or len(whole) - 1), len(whole) - 1)
            if rest == "film.wav":
                end = min(end, begin + 32_767)
            of = "*" if rest == "star" else len(whole)
            return self.send(whole[begin:end + 1], "audio/wav", status=206, Content_Range=f"bytes {begin}-{end}/{of}")
        if rest == "refused":
            return self.send(page("<p>members only</p>"), status=403)
        if rest == "login":
            return self.send(page("<p>log in</p><img src=/img/1/51/51><iframe src=/inner?from=login></iframe>"
                                  "<script>fetch('/n/login')</script>", head="<meta http-equiv=refresh content='0;url=/n/gone'>"))
        if rest == "endless":
            return self.page_endless(rest)
        if rest == "silent":
            return self.page_hang(rest)
        if rest == "broken":
            self.close_connection = True
            return None
        if rest == "moved":
            return self.redirect("/slices/whole?moved")
        if rest == "inner":
            return self.redirect(self.server.site.inner("/secret"))
        if rest == "saved":
            return self.send(CLIP, "application/octet-stream", Content_Disposition="attachment; filename=clip.bin")
        return self.send(whole, "audio/wav", Set_Cookie="fetched=twice; Path=/slices")

    def page_sw(self, _):
        self.send(page("<p>service worker</p><script>navigator.serviceWorker.addEventListener('controllerchange', "
                       "() => fetch('/after-sw'));navigator.serviceWorker.register('/sw.js')</script>", "sw"))

    def page_sw_js(self, _):
        self.send(b"addEventListener('install', e => e.waitUntil(caches.open('v1').then(c => c.add('/img/3/33/33'))));"
                  b"addEventListener('activate', e => e.waitUntil(clients.claim()));"
                  b"addEventListener('fetch', e => e.respondWith(new Response('from the worker')));", "text/javascript")

    def page_after_sw(self, _):
        self.send(b"from the network", "text/plain")

    def page_socket(self, _):
        self.send(page("<p id=said></p><script>const s = new WebSocket(location.origin.replace('http', 'ws') + '/ws');"
                       "s.binaryType = 'arraybuffer'; s.onopen = () => { s.send('hello 你好'); "
                       "s.send(new Uint8Array([0, 1, 254, 255])) };"
                       "s.onmessage = e => document.getElementById('said').textContent += e.data</script>", "socket"))

    def page_ws(self, _):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while True:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 15 == 8:
                return
            length = head[1] & 127
            if length == 126:
                length = struct.unpack(">H", self.rfile.read(2))[0]
            mask, data = self.rfile.read(4), self.rfile.read(length)
            data = bytes(b ^ mask[i % 4] for i, b in enumerate(data))
            self.wfile.write(bytes([head[0], len(data)]) + data)

    def page_events(self, _):
        self.send(page("<script>new EventSource('/stream').onmessage = e => document.body.append(e.data)</script>", "events"))

    def page_stream(self, _):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.close_connection = True
        for n in range(ENDLESS_SECONDS):
            self.wfile.write(f"data: event {n}\n\n".encode())
            if self.server.site.ended.wait(0.5):
                return

    READS = ("const read = async (url, id) => { const r = (await fetch(url)).body.getReader(); let n = 0;"
             "for (let x; !(x = await r.read()).done; document.getElementById(id).textContent = `${id} ${n}`)"
             "n += x.value.length; };")

    def page_live(self, _):
        """A broadcast, as players of FLV read it, and a film of unknown length that has an end."""
        self.send(page(f"<h1 id=broadcast></h1><h1 id=film></h1><script>{self.READS} read('/broadcast/1', 'broadcast');"
                       "read('/film', 'film')</script>", "live"))

    def page_broadcast(self, rest):
        """Without end: `rest` KiB every tenth of a second, or as fast as they are taken."""
        self.begin_chunks("video/x-flv")
        piece = b"FLV\1" * (256 * int(rest or 64))
        until = time.monotonic() + ENDLESS_SECONDS
        while time.monotonic() < until and not self.server.site.ended.wait(0.1 if rest else 0):
            self.chunk(piece)

    def page_film(self, _):
        self.begin_chunks("video/mp4")
        for n in range(20):
            self.chunk(b"film%04d" % n * 100)
            time.sleep(0.1)
        self.chunk(b"")

    def begin_chunks(self, media_type):
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True

    def chunk(self, data):
        self.wfile.write(b"%x\r\n" % len(data) + data + b"\r\n")

    def page_downloads(self, _):
        self.send(page("<p>download</p><iframe src=/file.zip></iframe>", "downloads"))

    def page_file_zip(self, _):
        self.send(b"PK-not-really" * 20, "application/zip",
                  Content_Disposition="attachment; filename*=UTF-8''%E5%90%88%E5%90%8C.zip")

    def page_hanging(self, _):
        self.send(page("<p>one image never comes</p><img src=/hang>", "hanging"))

    def page_hang(self, _):
        self.close_connection = True
        self.server.site.ended.wait(ENDLESS_SECONDS)

    def page_private(self, _):
        self.send(b"", status=401, WWW_Authenticate='Basic realm="private"')

    def page_chinese(self, _):
        self.send(page(f"<h1>{CJK}</h1><img src='/商品/图片.png?价=1&x=%FF'>", "中文地址"))

    def page_vertical(self, _):
        self.send(page("<p style='writing-mode:vertical-rl'>竖排文字：第一行。</p><p lang=ja>骨直令</p><p lang=ko>한글</p>"
                       "<p>𠮷野家 emoji-less 𰻞</p><pre>等宽 mono 01</pre>", "vertical"))

    def page_dynamic(self, _):
        self.send(page("<p id=t>?</p><script>document.title = 'half \\ud83d'; setTimeout(() => "
                       "document.getElementById('t').textContent = 'late 后来', 300)</script>", "dynamic"))

    def page_moving(self, _):
        self.send(page("<p id=n style='font-size:90px'>0</p><script>let i = 0;setInterval(() => n.textContent = ++i, 100)"
                       "</script>", "moving"))

    def page_agent(self, _):
        self.send(page("<p id=ua></p><script>ua.textContent = [navigator.userAgent, innerWidth, devicePixelRatio, "
                       "navigator.maxTouchPoints].join('|')</script>", "agent",
                       "<meta name=viewport content='width=device-width,initial-scale=1'>"))

    def page_identity(self, _):
        """What scripts read of the browser, in the page, in a frame of another site, and in workers of all kinds."""
        other = self.server.site.https("/identity-frame", OTHER)
        self.send(page(f"<img src=/img/1/41/41><iframe src={other}></iframe><script>{self.SAYS} tell('page');"
                       "new Worker('/identity-worker.js'); new SharedWorker('/identity-shared.js');"
                       "navigator.serviceWorker.register('/identity-service.js')</script>", "identity"),
                  Accept_CH="Sec-CH-UA-Full-Version-List, Sec-CH-UA-Platform-Version")

    SAYS = ("const say = async who => [who, navigator.userAgent, navigator.platform, JSON.stringify(await navigator."
            "userAgentData.getHighEntropyValues(['fullVersionList', 'architecture', 'platformVersion']))].join('|');"
            "const tell = async who => fetch('/told/' + encodeURIComponent(await say(who)));")

    def page_identity_frame(self, _):
        self.send(page(f"<img src=/img/2/42/42><script>{self.SAYS} tell('frame')</script>"))

    def page_identity_worker_js(self, _):
        self.send(f"{self.SAYS} tell('worker')".encode(), "text/javascript")

    def page_identity_shared_js(self, _):
        self.send(f"{self.SAYS} tell('shared')".encode(), "text/javascript")

    def page_identity_service_js(self, _):
        self.send(f"{self.SAYS} addEventListener('install', e => e.waitUntil(tell('service')))".encode(), "text/javascript")

    def page_told(self, _):
        self.send(b"heard", "text/plain")

    # ---- What hostile ones may.

    def page_endless(self, _):
        self.begin_chunks("text/html")
        until = time.monotonic() + ENDLESS_SECONDS
        while time.monotonic() < until and not self.server.site.ended.is_set():
            self.chunk(b"endless " * 8192)
            time.sleep(0.01)

    def page_flood(self, _):
        self.send(page(f"<p id=flood></p><script>{self.READS} read('/broadcast/', 'flood')</script>", "flood"))

    def page_bombs(self, _):
        self.send(page("<p>bomb</p><script>fetch('/bomb').then(r => r.text())</script>", "bombs"))

    def page_bomb(self, _):
        self.send(self.server.site.bomb(), "text/html", Content_Encoding="gzip")

    def page_big(self, rest):
        self.send(b"x" * int(rest), "text/plain")

    def page_bigs(self, rest):
        self.send(page(f"<script>fetch('/big/{rest}').then(r => r.text())</script>"))

    def page_many(self, rest):
        self.send(page(f"<p>many</p><script>for (let i = 0; i < {int(rest)}; i++) fetch('/n/' + i).catch(() => 0)</script>"))

    def page_n(self, rest):
        self.send(rest.encode(), "text/plain")

    def page_alerts(self, _):
        self.send(page("<p>alerts</p><script>for (let i = 0;; i++) alert('again ' + i)</script>"))

    def page_timer_alerts(self, _):
        self.send(page("<p>alerts</p><script>setInterval(() => confirm('again'), 10)</script>"))

    def page_spin(self, _):
        self.send(page("<p>before</p><script>while (true);</script>"))

    def page_spin_later(self, _):
        self.send(page("<p>before</p><script>addEventListener('load', () => setTimeout(() => { while (true); }, 500))</script>"))

    def page_loop(self, rest):
        self.send(page(f"<script>location = '/loop/{int(rest or 0) + 1}'</script>"))

    def page_forever(self, rest):
        self.redirect(f"/forever/{int(rest or 0) + 1}")

    def page_to_file(self, _):
        self.redirect("file:///etc/passwd")

    def page_file_links(self, _):
        self.send(page("<iframe src=file:///etc/passwd></iframe><img src=file:///etc/hostname>"
                       "<script>fetch('file:///etc/passwd').catch(() => 0)</script>"))

    def page_to_local(self, _):
        self.redirect(self.server.site.inner("/secret", "127.0.0.1"))

    def page_local_links(self, _):
        self.send(page("".join(f"<img src={self.server.site.inner('/secret', host)}>"
                               for host in ("127.0.0.1", "localhost", "inner.test", "0x7f.1", "2130706433", "[::1]")) +
                       f"<iframe src={self.server.site.inner('/secret')}></iframe>"
                       f"<script>new WebSocket('{self.server.site.inner('/ws', '127.0.0.1').replace('http', 'ws')}');"
                       f"new WebSocket('{self.server.site.inner('/ws').replace('http', 'ws')}');"
                       f"fetch('{self.server.site.inner('/secret')}', {{mode: 'no-cors'}}).catch(() => 0)</script>", "links"))

    def page_secret(self, _):
        self.send(b"the machine's own secret", "text/plain")

    def page_crash(self, _):
        self.send(page("<p>crash</p><script>const a = []; for (;;) a.push(new Array(1e6).fill(Math.random()))</script>"))

    def page_popups(self, _):
        self.send(page("<p>popups</p><script>setInterval(() => open('/inner?' + Math.random()), 20)</script>"))

    def page_workers(self, _):
        self.send(page("<p>workers</p><script>for (let i = 0; i < 200; i++) new Worker('/worker.js?' + i)</script>"))

    def page_to_inner(self, _):
        self.redirect(self.server.site.inner("/secret"))

    def page_disk(self, _):
        self.send(page("<p>disk</p><script>(async () => { const c = await caches.open('x'); for (let i = 0;; i++) "
                       "await c.put('/p' + i, new Response(crypto.getRandomValues(new Uint8Array(65536)).toString()."
                       "repeat(20))) })()</script>"))

    def page_downgrade(self, _):
        self.redirect(self.server.site.http("/cookies"))

    def page_long_address(self, _):
        self.send(page("<script>fetch('/n/' + 'x'.repeat(20000))</script>"))


class Site:
    def __init__(self):
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.seen, self.sent, self.posted = [], [], []
        self.folder = tempfile.mkdtemp(prefix="cunzheng-site.")
        self._bomb = None
        self.ca = self.certificate("ca", None, "Test Authority")
        good = self.certificate("good", "ca", SHOP)
        bad = self.certificate("bad", None, SHOP)
        self.servers = [self.serve(None), self.serve(good), self.serve(bad), self.serve(None)]

    def certificate(self, name, issuer, common_name):
        key, cert = (os.path.join(self.folder, name + end) for end in (".key", ".pem"))
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                   "30", "-keyout", key, "-out", cert, "-subj", "/CN=" + common_name]
        if issuer:
            command += ["-CA", os.path.join(self.folder, issuer + ".pem"), "-CAkey",
                        os.path.join(self.folder, issuer + ".key"), "-addext", "basicConstraints=critical,CA:FALSE"]
        if common_name == SHOP:
            command += ["-addext", "subjectAltName=DNS:*.test,DNS:" + IDN.encode("idna").decode()]
        # OpenSSL 3.0's req -x509 takes -CA; an error shows what it said.
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        if issuer:
            with open(cert, "a") as out, open(os.path.join(self.folder, issuer + ".pem")) as chain:
                out.write(chain.read())
        return cert

    def serve(self, cert):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.site = self
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, cert[:-4] + ".key")
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def bomb(self):
        """A gigabyte of zeros, packed."""
        with self.lock:
            if self._bomb is None:
                packer = zlib.compressobj(9, zlib.DEFLATED, 31)
                zeros = bytes(1 << 20)
                self._bomb = b"".join(packer.compress(zeros) for _ in range(1024)) + packer.flush()
            return self._bomb

    def http(self, path, host=SHOP):
        return f"http://{host}:{self.servers[0].server_port}{path}"

    def https(self, path, host=SHOP):
        return f"https://{host}:{self.servers[1].server_port}{path}"

    def bad_https(self, path, host=SHOP):
        return f"https://{host}:{self.servers[2].server_port}{path}"

    def inner(self, path, host="inner.test"):
        """What a machine's own network has and nobody should capture by accident."""
        return f"http://{host}:{self.servers[3].server_port}{path}"

    def as_public(self):
        """Makes the browser believe that the plain HTTP server stands on the Internet."""
        return [f"--ip-address-space-overrides=127.0.0.1:{self.servers[0].server_port}=public"]

    def browser_arguments(self):
        """Names of this site, and its authority, which a fresh profile does not know."""
        with open(os.path.join(self.folder, "good.pem")) as f:
            cert = f.read().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
        key = subprocess.run(["openssl", "x509", "-pubkey", "-noout"], input=cert, capture_output=True, text=True,
                             check=True).stdout
        spki = base64.b64encode(hashlib.sha256(ssl.PEM_cert_to_DER_cert(
            key.replace("PUBLIC KEY", "CERTIFICATE"))).digest()).decode()
        return ["--host-resolver-rules=MAP *.test 127.0.0.1", "--ignore-certificate-errors-spki-list=" + spki]

    def close(self):
        self.ended.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


if __name__ == "__main__":
    with Site() as site:
        print(site.http("/"), site.https("/"), site.bad_https("/"), *site.browser_arguments(), *site.as_public(),
              sep="\n", flush=True)
        try:
            time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 3600)
        except KeyboardInterrupt:
            pass
