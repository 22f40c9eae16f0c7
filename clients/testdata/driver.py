"""Decodes for the test in Go: a line of JSON {"text": base64} in, a line of JSON out."""

import base64
import json
import resource
import struct
import sys

sys.path.insert(0, "python")

import hologram_payload


def raw(s):
    return s.encode("utf-8", "surrogateescape").hex()


def field(v):
    if isinstance(v, bool):
        return ["bool", str(v).lower()]
    if isinstance(v, hologram_payload.Uint):
        return ["uint", str(v)]
    if isinstance(v, int):
        return ["int", str(v)]
    if isinstance(v, float):
        return ["float", struct.pack(">d", v).hex()]
    return ["string", raw(v)]


for line in sys.stdin:
    data = base64.b64decode(json.loads(line)["text"])
    answer = {}
    try:
        batch = hologram_payload.decode(data.decode("ascii") if data.isascii() else data)
        answer["sequence"], answer["checksum"] = batch.sequence, batch.checksum
        answer["metrics"] = [
            {
                "name": raw(m.name),
                "tags": [[raw(k), raw(v)] for k, v in m.tags.items()],
                "fields": [[raw(k), *field(v)] for k, v in m.fields.items()],
                "time": str(m.time_ns),
            }
            for m in batch.metrics
        ]
        answer["lines"] = hologram_payload.line_protocol(batch.metrics).hex()
    except hologram_payload.PayloadError as e:
        answer = {"error": type(e).__name__}
    answer["rss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(answer), flush=True)
