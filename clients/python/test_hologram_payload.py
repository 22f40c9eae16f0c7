import http.server
import json
import math
import os
import pathlib
import resource
import struct
import threading
import time
import unittest
import zlib

import hologram_payload
import lambda_function

ROOT = pathlib.Path(__file__).parent.parent.parent


def lines(name):
    with open(ROOT / name, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


VECTORS = lines("internal/payload/testdata/vectors.jsonl")
TEMPERATURE = next(v["payload"] for v in VECTORS if v["name"] == "a temperature")

TEXT = "".join(chr(c) for c in range(0x20, 0x80) if chr(c) not in '"\\')
SMS_TEXT = "".join(c for c in TEXT.replace("!", '!"') if c not in " $@[]^_`{|}~\x7f")


def encode(version, frame):
    """The text of a frame, by the table of docs/payload.md backwards."""
    digits, chars, size = (TEXT, 11, 9) if version == "," else (SMS_TEXT, 34, 27)
    out = version
    for at in range(0, len(frame), size):
        group = frame[at : at + size]
        number, text = int.from_bytes(group, "big"), ""
        for _ in range(-(-len(group) * chars // size)):
            number, digit = divmod(number, len(digits))
            text = digits[digit] + text
        out += text
    return out


def payload(content, method=0, body=None, sequence=5, version=","):
    checksum = zlib.crc32(content, zlib.crc32(struct.pack(">H", sequence))) & 0xFFFFFF
    head = struct.pack(">H", method << 12 | sequence) + checksum.to_bytes(3, "big")
    return encode(version, head + (content if body is None else body))


def deflated(content):
    c = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=hologram_payload._dictionary())
    return payload(content, 1, c.compress(content) + c.flush())


def varint(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)


def field(v):
    """A value as the vectors have it."""
    if isinstance(v, bool):
        return {"type": "bool", "value": str(v).lower()}
    if isinstance(v, hologram_payload.Uint):
        return {"type": "uint", "value": str(v)}
    if isinstance(v, int):
        return {"type": "int", "value": str(v)}
    if isinstance(v, float):
        return {"type": "float", "value": struct.pack(">d", v).hex()}
    return {"type": "string", "value": v}


def grid(rows, tags, columns, kind, data=b""):
    """Metrics that are all alike, with so many tags and constant columns."""
    names = b"".join(b"%06d\0" % i for i in range(columns))
    keys = b"".join(b"t%06d\0" % i for i in range(tags))
    head = b"\x19" + varint(rows) + b"m\0" + keys + b"\0" + names + b"\0\4" + bytes([kind]) * columns
    return head + b"\1" + b"v\0" * tags + b"\x09\2\x09\0" + data * columns


class Vectors(unittest.TestCase):
    def test_vectors(self):
        for v in VECTORS + lines("clients/testdata/edges.jsonl"):
            frame = hologram_payload._TEXT.decode(v["payload"][1:].encode())
            sms = encode(";", frame)
            self.assertEqual(v["payload"], encode(",", frame))
            self.assertEqual(v.get("sms", sms), sms)
            for text in (v["payload"], v["payload"].encode(), sms, sms + "\r\n", sms + "@ "):
                with self.subTest(v["name"], text=text):
                    batch = hologram_payload.decode(text)
                    self.assertEqual(v["sequence"], batch.sequence)
                    self.assertEqual(v["checksum"], f"{batch.checksum:06x}")
                    self.assertEqual(len(v["metrics"]), len(batch.metrics))
                    for want, got in zip(v["metrics"], batch.metrics):
                        self.assertEqual(want["name"], got.name)
                        self.assertEqual(want["tags"], got.tags)
                        self.assertEqual(want["time"], str(got.time_ns))
                        self.assertEqual(want["fields"], {k: field(f) for k, f in got.fields.items()})
                        self.assertEqual(sorted(got.tags), list(got.tags))

    def test_line_protocol(self):
        count = 0
        for v in VECTORS:
            if "line_protocol" in v:
                got = hologram_payload.line_protocol(hologram_payload.decode(v["payload"]).metrics)
                self.assertEqual(v["line_protocol"], got.decode(), v["name"])
                count += 1
        self.assertGreater(count, 10)

    def test_refused(self):
        for c in lines("clients/testdata/refused.jsonl"):
            with self.subTest(c["name"]), self.assertRaises(hologram_payload.PayloadError) as raised:
                hologram_payload.decode(c["payload"])
            self.assertEqual(c["error"], type(raised.exception).__name__, c["name"])

    def test_dictionary(self):
        want = (ROOT / "internal/payload/dictionary/v1.bin").read_bytes()
        self.assertEqual(want, hologram_payload._dictionary())


class Types(unittest.TestCase):
    def test_uint(self):
        text = next(v["payload"] for v in VECTORS if v["name"] == "every type")
        fields = hologram_payload.decode(text).metrics[0].fields
        self.assertEqual({"b": True, "f": 1.5, "i": -7, "s": "text", "u": 7}, fields)
        self.assertEqual([bool, float, int, str, hologram_payload.Uint], [type(v) for v in fields.values()])
        self.assertEqual('{"b": true, "f": 1.5, "i": -7, "s": "text", "u": 7}', json.dumps(fields))

    def test_not_utf8(self):
        content = b"\x3b\x01\xff\xc3m\0\0f\0\0\x04\x77\x00\x00\xe2\x82!\0"
        batch = hologram_payload.decode(payload(content))
        self.assertEqual("\udcff\udcc3m", batch.metrics[0].name)
        wrong = b"\xe0\x80\x80\xe0\x9f\xbf\xed\xa0\x80\xf0\x8f\xbf\xbf\xf4\x90\x80\x80\xc0\x80\xf5\x80\xe2\x82"
        names = hologram_payload.decode(payload(b"\x3b\x01" + wrong + b"\0\0f\0\0\x04\x73\0\0"))
        self.assertEqual("".join(chr(0xDC00 + c) for c in wrong), names.metrics[0].name)
        line = b'\xff\xc3m f="\xe2\x82!" 1767225600000000000\n'
        self.assertEqual(line, hologram_payload.line_protocol(batch.metrics))

    def test_line_protocol_of_all(self):
        fields = {
            "": 1, "a=b": 6.0, "b": -0.0, "c": 1e22, "d": 1e-7, "e": 5e-324, "f": math.nan, "g": math.inf,
            "h": True, "i": -5, "s": 'say "hi\\"\n', "u": hologram_payload.Uint(2**64 - 1), "v": 0.1,
        }
        metric = hologram_payload.Metric("m, n=", {"a": "", "b": "c\\\\", "d\n": "e f", "g\\": "=", "\\": "x"}, fields, -1)
        written = (
            'm\\,\\ n=,b=c,d\\n=e\\ f,g=\\= a\\=b=6,b=-0,c=10000000000000000000000,d=0.0000001,'
            f"e=0.{'0' * 323}5,h=true,i=-5i,s=\"say \\\"hi\\\\\\\"\n\",u=18446744073709551615u,v=0.1 -1\n"
        )
        nothing = metric._replace(fields={"f": math.nan})
        got = hologram_payload.line_protocol([nothing, metric, metric._replace(name="")])
        self.assertEqual(written, got.decode())
        signed = hologram_payload.line_protocol([metric], uint_support=False).decode()
        self.assertEqual(written.replace("18446744073709551615u", "9223372036854775807i"), signed)


class Hostile(unittest.TestCase):
    def test_size(self):
        for name, content, metrics in (
            ("zeros", bytes(2 << 20), 0),
            ("more than there may be", bytes((2 << 20) + 1), 0),
            ("one metric, many columns", grid(1, 0, 60_000, 115), 1),
            ("many metrics", grid(65_536, 0, 4, 115), 65_536),
            ("one metric too many", grid(65_537, 0, 1, 115), 0),
            ("too many values", grid(65_536, 0, 5, 115), 0),
            ("2^32 values", grid(65_536, 65_536, 1, 115), 0),
            ("numbered strings", grid(512, 0, 30, 122, b"x" * 1000 + b"\0\0\x09\0"), 512),
            ("numbered strings, too many", grid(512, 0, 512, 122, b"x" * 4000 + b"\0\0\x09\0"), 0),
        ):
            with self.subTest(name):
                text, got, start = deflated(content), 0, time.monotonic()
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                try:
                    got = len(hologram_payload.decode(text).metrics)
                except hologram_payload.PayloadError:
                    pass
                more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # kB
                self.assertEqual(metrics, got)
                self.assertLess(time.monotonic() - start, 60)
                self.assertLess(more >> 10, 64)

    def test_long_text(self):
        for text in ("," + " " * 3_000_000, ";" + "!" * 3_000_000, "x" * (17 << 20)):
            with self.assertRaises(hologram_payload.TooLargeError):
                hologram_payload.decode(text)

    def test_empty_blocks(self):
        # Many bytes that make nothing.
        with self.assertRaises(hologram_payload.PayloadError):
            hologram_payload.decode(payload(b"", 1, b"\0\0\0\xff\xff" * 100_000))

    def test_damage(self):
        want = hologram_payload.decode(TEMPERATURE)
        for i in range(1, len(TEMPERATURE)):
            with self.subTest(i):
                self.assertRaises(hologram_payload.PayloadError, hologram_payload.decode, TEMPERATURE[:i])
                for c in "\x7f 5~\n\"é":
                    if c == TEMPERATURE[i]:
                        continue
                    try:
                        got = hologram_payload.decode(TEMPERATURE[:i] + c + TEMPERATURE[i + 1 :])
                    except hologram_payload.PayloadError:
                        continue
                    self.assertEqual(want, got)  # DEFLATE has bits that mean nothing


class Events(unittest.TestCase):
    def test_events(self):
        want = hologram_payload.decode(TEMPERATURE)
        for c in lines("clients/testdata/events.jsonl"):
            for body in (c["body"], c["body"].encode()):
                with self.subTest(c["name"]):
                    try:
                        event = hologram_payload.decode_event(body)
                    except hologram_payload.PayloadError as e:
                        self.assertEqual(c.get("error"), type(e).__name__)
                        continue
                    self.assertEqual(want, event.batch)
                    self.assertEqual(c["want"], {k: v for k, v in event._asdict().items() if k != "batch"})

    def test_parsed(self):
        c = next(c for c in lines("clients/testdata/events.jsonl") if c["name"] == "a message")
        self.assertEqual(5678, hologram_payload.decode_event(json.loads(c["body"])).device_id)

    def test_not_compact(self):
        with self.assertRaises(hologram_payload.NotCompactError) as raised:
            hologram_payload.decode_event('{"data":"Y3B1IHVzYWdlPTE="}')
        self.assertEqual(b"cpu usage=1", raised.exception.data)

    def test_hostile(self):
        for body in (b"\xff", "x" * (17 << 20), b"{" + b" " * (17 << 20), '{"data":' + "[" * 100_000):
            with self.assertRaises(hologram_payload.PayloadError):
                hologram_payload.decode_event(body)


class Example(unittest.TestCase):
    def test_lambda(self):
        taken, status = [], [204]

        class Influx(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                taken.append((self.headers["Authorization"], self.rfile.read(length).decode()))
                self.send_response(status[0])
                self.end_headers()

            def log_message(self, *args):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Influx)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        os.environ.update(
            HOLOGRAM_SECRET="s3cret", INFLUX_TOKEN="t", INFLUX_URL=f"http://127.0.0.1:{server.server_port}/api/v2/write"
        )
        body = next(c["body"] for c in lines("clients/testdata/events.jsonl") if c["name"] == "a message")

        def call(body, secret="s3cret"):
            request = {"headers": {"x-hologram-secret": secret}, "body": body, "isBase64Encoded": False}
            return lambda_function.lambda_handler(request, None)["statusCode"]

        self.assertEqual(401, call(body, "wrong"))
        self.assertEqual(401, call(body, ""))
        self.assertEqual(422, call("{}"))
        self.assertEqual([], taken)
        self.assertEqual(204, call(body))
        line = "temp,hologram_device=5678,host=gw-17,sensor=cpu_thermal temp=48.2 1767225660000000000\n"
        self.assertEqual([("Token t", line)], taken)
        status[0] = 500
        self.assertEqual(503, call(body))


if __name__ == "__main__":
    unittest.main()
