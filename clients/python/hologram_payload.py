"""Reads the compact payload of telegraf-hologram: text out of the Hologram cloud becomes metrics.

    import hologram_payload

    event = hologram_payload.decode_event(body)          # what a webhook was sent
    for metric in event.batch.metrics:
        print(metric.name, metric.tags, metric.fields, metric.time_ns)
    hologram_payload.line_protocol(event.batch.metrics)  # for InfluxDB

One file without dependencies, for Python 3.9 and later. docs/payload.md of telegraf-hologram
specifies the payload.

Types. An int field is an int, a uint field a Uint (which is an int too), and float, bool and
string fields are float, bool and str; a float has the bits that were sent. A time is an int of
nanoseconds since 1970 (UTC).

Strings of a payload are bytes, which nearly always are UTF-8. Those that are not have their
other bytes as U+DC80 to U+DCFF: s.encode("utf-8", "surrogateescape") gives the bytes back.

Text may come from anyone. What is wrong raises a PayloadError after bounded work: a payload has
at most 2 MiB of content, 65,536 metrics, 262,144 values and 16 MiB of text.
"""

import base64
import binascii
import decimal
import json
import math
import struct
import urllib.parse
import zlib
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple, Union

__all__ = [
    "Batch", "ChecksumError", "Event", "EventError", "Metric", "NotCompactError", "PayloadError",
    "TooLargeError", "Uint", "decode", "decode_event", "line_protocol",
]

MAX_CONTENT = 2 << 20  # bytes between compression and columns
MAX_METRICS = 1 << 16
MAX_VALUES = 1 << 18  # tag and field values of all metrics
MAX_TEXT = 1 << 24  # bytes of names and strings, each counted in every metric
MAX_EVENT = 16 << 20  # characters of an event or any other text


class PayloadError(ValueError):
    """The text cannot be read; it never will be."""


class NotCompactError(PayloadError):
    """The text is no compact payload at all. Attribute data has the bytes that it is."""

    def __init__(self, message: str, data: bytes = b"") -> None:
        super().__init__(message)
        self.data = data


class ChecksumError(PayloadError):
    """The payload was damaged on its way."""


class TooLargeError(PayloadError):
    """The text, or what it declares, is beyond the limits of one payload."""


class EventError(PayloadError):
    """The body of a webhook is none of the shapes that the Hologram cloud sends."""


class Uint(int):
    """The value of an unsigned field, 0 to 2^64 - 1. That of a signed one is a plain int."""

    __slots__ = ()


Value = Union[int, Uint, float, bool, str]


class Metric(NamedTuple):
    """A metric of Telegraf. Tags and fields come in ascending order of their keys."""

    name: str
    tags: Dict[str, str]
    fields: Dict[str, Value]
    time_ns: int  # Unix time in nanoseconds, in 64 bits


class Batch(NamedTuple):
    """What a payload holds.

    Sequence (0 to 4095) and checksum (24 bits) together identify a payload of a sender. After n
    comes n + 1, and after 4095 comes 1; 0 is the first of a sender that has started anew.
    """

    sequence: int
    checksum: int
    metrics: List[Metric]


class Event(NamedTuple):
    """What a webhook of the Hologram cloud was sent. What the cloud did not tell is None, or ""."""

    batch: Batch
    device_id: Union[int, str, None]
    device_name: str
    received: str  # when the cloud had it, in the cloud's words; UTC where it names no zone
    topics: List[str]
    record_id: str
    key: str  # the shared key that comes beside the event in a form


def decode(text: Union[str, bytes]) -> Batch:
    """Returns the metrics of a payload, in their order."""
    if len(text) > MAX_EVENT:
        raise TooLargeError(f"a text of {len(text)} characters")
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
    if data[:1] == b",":
        alphabet = _TEXT
    elif data[:1] == b";" and b" " not in data.rstrip(_SMS_END):
        alphabet, data = _SMS_TEXT, data.rstrip(_SMS_END)
    else:
        raise NotCompactError("not a compact payload", data)
    frame = alphabet.decode(data[1:])
    if len(frame) < 5:
        raise PayloadError(f"a frame of {len(frame)} bytes is too short")
    sequence, checksum = (frame[0] & 15) << 8 | frame[1], int.from_bytes(frame[2:5], "big")
    content = _decompress(frame[0] >> 4, frame[5:])
    if zlib.crc32(content, zlib.crc32(sequence.to_bytes(2, "big"))) & 0xFFFFFF != checksum:
        raise ChecksumError("the checksum does not match")
    return Batch(sequence, checksum, _Content(content).metrics())


def decode_event(body: Union[str, bytes, Dict[str, Any]]) -> Event:
    """Returns the metrics of what a webhook was sent.

    The body is JSON with the payload as base64 in data (a message) or body (an SMS), with
    device.id and device.name or device_id and device_name; an item of the data log, whose data
    is such JSON; or the form of a legacy webhook with such JSON as payload.

    Raises NotCompactError, with the bytes of the message, where that is something else.
    """
    key = ""
    if not isinstance(body, dict):
        try:
            text = body if isinstance(body, str) else bytes(body).decode("utf-8")
        except UnicodeDecodeError:
            raise EventError("the event is not UTF-8") from None
        if len(text) > MAX_EVENT:
            raise TooLargeError(f"an event of {len(text)} characters")
        if not text.lstrip(" \t\r\n").startswith("{"):
            text, key = _form(text)
        body = _object(text)
    around: List[Dict[str, Any]] = []
    while True:
        around.insert(0, body)
        member = "body" if isinstance(body.get("body"), str) else "data"
        text = body.get(member)
        if not isinstance(text, str):
            raise EventError("the event has no data and no body that is a string")
        if member == "body" or not text.startswith("{"):
            break
        if len(around) == 4:
            raise EventError("JSON within JSON too many times")
        body = _object(text)

    def told(names: Tuple[str, ...], types: Tuple[type, ...]) -> Any:
        for event in around:
            device = event.get("device")
            for name in names:
                of = event
                if name.startswith("device."):
                    of, name = device if isinstance(device, dict) else {}, name[7:]
                if isinstance(of.get(name), types) and not isinstance(of[name], bool):
                    return of[name]
        return None

    topics = told(("tags",), (list,)) or []
    return Event(
        batch=decode(_base64(text, member)),
        device_id=told(("device.id", "device_id", "deviceid"), (int, str)),
        device_name=told(("device.name", "device_name"), (str,)) or "",
        received=told(("received",), (str,)) or "",
        topics=[t for t in topics if isinstance(t, str)],
        record_id=told(("record_id",), (str,)) or "",
        key=key,
    )


def line_protocol(metrics: Iterable[Metric], uint_support: bool = True) -> bytes:
    """Returns the metrics as lines of InfluxDB's line protocol, as Telegraf writes it.

    Unsigned fields end in u. InfluxDB 1 does not take that: without uint_support they are written
    as signed, and above 2^63 - 1 as that number.

    What line protocol cannot say is left out: fields that are NaN or infinite, tags, names and
    values that are empty, backslashes at the end of tags, and metrics of which no field is left.
    """
    lines = []
    for metric in metrics:
        line = [_escape(metric.name, _NAME)]
        for key, value in _sorted(metric.tags):
            key, value = key.rstrip("\\"), value.rstrip("\\")
            if key and value:
                line.append(f",{_escape(key, _KEY)}={_escape(value, _KEY)}")
        fields = [(k, _field(v, uint_support)) for k, v in _sorted(metric.fields) if k]
        written = [f"{_escape(k, _KEY)}={v}" for k, v in fields if v]
        if metric.name and written:
            lines.append(f"{''.join(line)} {','.join(written)} {metric.time_ns}\n")
    return "".join(lines).encode("utf-8", "surrogateescape")


# Text: groups of characters, each of which is a number that a group of bytes has too.


class _Alphabet:
    def __init__(self, characters: bytes, group_chars: int, group_bytes: int) -> None:
        self.radix = len(characters)
        self.chars, self.bytes = group_chars, group_bytes
        digits = bytearray(b"\xff" * 256)
        for digit, c in enumerate(characters):
            digits[c] = digit
        self.digits = bytes(digits)

    def length(self, n: int) -> int:
        """The number of characters of n bytes."""
        return -(-n * self.chars // self.bytes)

    def decode(self, text: bytes) -> bytes:
        if len(text) > self.length(5 + MAX_CONTENT):
            raise TooLargeError(f"a payload of {len(text) + 1} characters")
        digits = text.translate(self.digits)
        if b"\xff" in digits:
            raise PayloadError(f"the byte at position {digits.index(255) + 1} is outside the alphabet")
        out = []
        for at in range(0, len(digits), self.chars):
            group = digits[at : at + self.chars]
            size = len(group) * self.bytes // self.chars
            if self.length(size) != len(group):
                raise PayloadError(f"the text ends with a group of {len(group)} characters")
            number = 0
            for digit in group:
                number = number * self.radix + digit
            try:
                out.append(number.to_bytes(size, "big"))
            except OverflowError:
                raise PayloadError(f"the group at position {at + 1} is out of range") from None
        return b"".join(out)


_TEXT = _Alphabet(bytes(c for c in range(0x20, 0x80) if c not in b'"\\'), 11, 9)
_SMS_TEXT = _Alphabet(
    b"!\"#%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 34, 27
)
_SMS_END = b" \t\r\n@"  # what networks, modems and gateways add to the end of an SMS


def _decompress(method: int, body: bytes) -> bytes:
    if method == 0:
        return body
    if method != 1:
        raise PayloadError(f"compression method {method} is unknown")
    inflate = zlib.decompressobj(-15, zdict=_dictionary())
    try:
        content = inflate.decompress(body, MAX_CONTENT + 1)
    except zlib.error as e:
        raise PayloadError(f"inflating: {e}") from None
    if len(content) > MAX_CONTENT:
        raise TooLargeError(f"the content is larger than {MAX_CONTENT} bytes")
    if not inflate.eof:
        raise PayloadError("inflating: the payload ends early")
    if inflate.unused_data:
        raise PayloadError(f"inflating: {len(inflate.unused_data)} bytes are left over")
    return content


# Content: groups of metrics, column by column.

_MASK = (1 << 64) - 1
_EPOCH = 1767225600000000000  # 2026-01-01T00:00:00Z
_BITS = [tuple(i for i in range(8) if byte >> i & 1) for byte in range(256)]
_POWERS = [float(f"1e{e}") for e in range(23)]
_NEGATIVE_POWERS = [float(f"1e-{e}") for e in range(23)]

_NONE, _ZERO, _ROW, _SERIES, _LINEAR, _STEP = range(6)  # predictors
_SIZES = {"names": MAX_VALUES, "series": MAX_VALUES, "values": MAX_VALUES, "made": MAX_TEXT, "text": MAX_TEXT}


def _signed(v: int) -> int:
    return v - (1 << 64) if v >> 63 else v


def _unzigzag(u: int) -> int:
    return (u >> 1) ^ -(u & 1)


def _float(bits: int) -> float:
    return struct.unpack(">d", bits.to_bytes(8, "big"))[0]


def _bits(f: float) -> int:
    return int.from_bytes(struct.pack(">d", f), "big")


def _divide(x: float, y: float) -> float:
    """x / y as IEEE 754 has it; y is no negative zero."""
    if y:
        return x / y
    return math.nan if x == 0 else math.copysign(math.inf, x)


def _size(s: str) -> int:
    """The number of bytes of a string."""
    return len(s) if s.isascii() else len(s.encode("utf-8", "surrogateescape"))


class _Memory:
    """What the predictors know of a column."""

    def __init__(self) -> None:
        self.row, self.first = 0, True
        self.last: Dict[int, int] = {}
        self.before: Dict[int, int] = {}
        self.step: Dict[int, int] = {}

    def predict(self, predictor: int, s: int) -> int:
        if predictor <= _ZERO:
            return 0
        if predictor == _STEP:
            return self.row + self.step.get(s, 0)
        if predictor == _LINEAR and s in self.before:
            return 2 * self.last[s] - self.before[s]
        return self.row if predictor == _ROW else self.last.get(s, self.row)

    def add(self, s: int, v: int) -> None:
        if s in self.last:
            self.before[s] = self.last[s]
        self.step[s] = 0 if self.first else v - self.row
        self.last[s] = v
        self.row, self.first = v, False


class _Group:
    """A measurement: its schema, and the metrics (by index) that are of it."""

    def __init__(self, name: str, tags: List[str], columns: List[str], flags: int, kinds: bytes) -> None:
        self.name, self.tags, self.columns, self.flags, self.kinds = name, tags, columns, flags, kinds
        self.rows: List[int] = []


class _Series:
    """A tag set, the index of its group, and the bytes of its keys and values."""

    __slots__ = ("group", "keys", "values", "text")

    def __init__(self, group: int) -> None:
        self.group, self.text = group, 0
        self.keys: List[str] = []
        self.values: List[str] = []


class _Presence:
    """Which columns each of n rows has; where sets is None all have all."""

    def __init__(self, n: int, columns: int) -> None:
        self.n, self.columns = n, columns
        self.members: Optional[List[List[int]]] = None  # by column

    def rows(self, column: int) -> Union[range, List[int]]:
        return range(self.n) if self.members is None else self.members[column]


class _Content:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.left = dict(_SIZES)

    def error(self, what: str) -> PayloadError:
        return PayloadError(f"content at byte {self.at} of {len(self.data)}: {what}")

    def spend(self, what: str, n: int) -> None:
        self.left[what] -= n
        if self.left[what] < 0:
            raise TooLargeError(f"content at byte {self.at} of {len(self.data)}: beyond the limits of one payload")

    # The elements.

    def take(self, n: int) -> bytes:
        if n > len(self.data) - self.at:
            raise self.error("it ends early")
        self.at += n
        return self.data[self.at - n : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        v = shift = 0
        while True:
            b = self.byte()
            v |= (b & 0x7F) << shift
            shift += 7
            if v > _MASK or shift == 70 and b & 0x80:
                raise self.error("a number is larger than 64 bits")
            if b < 0x80:
                return v

    def varints(self, n: int) -> List[int]:
        few = self.data[self.at : self.at + n]
        if len(few) == n and few.isascii():  # each is one byte
            self.at += n
            return list(few)
        return [self.varint() for _ in range(n)]

    def count(self, limit: int) -> int:
        n = self.varint()
        if n == 0:
            raise self.error("there is none where there must be one")
        if n > limit:
            raise TooLargeError(f"content at byte {self.at}: {n} where at most {limit} can be")
        return n

    def string_or_end(self) -> Optional[str]:
        end = self.data.find(0, self.at)
        if end < 0:
            raise self.error("it ends early")
        raw, self.at = self.data[self.at : end], end + 1
        if not raw:
            return None
        if raw == b"\1\1":
            return ""
        if 1 in raw:
            first, *parts = raw.split(b"\1")
            if any(p[:1] not in (b"\2", b"\3") for p in parts):
                raise self.error("an escape is unknown")
            raw = first + b"".join((b"\0" if p[0] == 2 else b"\1") + p[1:] for p in parts)
        return raw.decode("utf-8", "surrogateescape")

    def string(self) -> str:
        s = self.string_or_end()
        if s is None:
            raise self.error("a list ends where there must be a string")
        return s

    def names(self) -> List[str]:
        out = []
        while True:
            s = self.string_or_end()
            if s is None:
                return out
            self.spend("names", 1)
            out.append(s)

    # Columns of integers, which are unsigned numbers modulo 2^64 here.

    def integers(self, n: int, series: Optional[List[int]] = None) -> List[int]:
        return self.ints(self.byte(), n, series)

    def ints(self, coding: int, n: int, series: Optional[List[int]]) -> List[int]:
        predictor, constant, shifted = coding >> 2, coding & 1, coding & 2
        if predictor > _STEP or series is None and predictor > _ROW:
            raise self.error("the coding of integers is unknown")
        shift = self.byte() if shifted else 0
        if shift > 63:
            raise self.error("a shift is beyond 63")
        if constant:
            values = self.varints(1) + [0] * (n - 1)
        else:
            values = self.varints(n)
        if predictor != _NONE:
            memory = _Memory()
            for i, u in enumerate(values):
                s = series[i] if series is not None else 0
                values[i] = v = memory.predict(predictor, s) + _unzigzag(u) & _MASK
                memory.add(s, v)
        if shift:
            values = [v << shift & _MASK for v in values]
        return values

    def indices(self, n: int, series: Optional[List[int]] = None) -> Tuple[List[int], int]:
        values, distinct = self.integers(n, series), 0
        for v in values:
            if v > distinct:
                raise self.error("an index is out of order")
            if v == distinct:
                distinct += 1
        return values, distinct

    def presence(self, sparse: bool, columns: int, n: int, series: Optional[List[int]], budget: str) -> _Presence:
        p = _Presence(n, columns)
        if not sparse:
            self.spend(budget, n * columns)
            return p
        indices, distinct = self.indices(n, series)
        size = (columns + 7) // 8
        sets = [self.take(size) for _ in range(distinct)]
        counts = [bin(int.from_bytes(s, "big")).count("1") for s in sets]
        self.spend(budget, sum(counts[x] for x in indices))
        bits = [[at * 8 + i for at, byte in enumerate(s) if byte for i in _BITS[byte]] for s in sets]
        p.members = [[] for _ in range(columns)]
        for row, x in enumerate(indices):
            for column in bits[x]:
                if column >= columns:
                    raise self.error("a set has a column that is unknown")
                p.members[column].append(row)
        if not all(p.members):
            raise self.error("nothing has one of the columns")
        return p

    # Columns of strings.

    def strings(self, coding: int, n: int, series: Optional[List[int]]) -> List[str]:
        if coding == 0:
            return [self.string() for _ in range(n)]
        if coding == 1:
            return [self.string()] * n
        if coding == 2:
            indices, distinct = self.indices(n, series)
            texts = [self.string() for _ in range(distinct)]
            return [texts[x] for x in indices]
        if coding == 3:
            prefix, width = self.string_or_end() or "", self.byte()
            if width > 18:
                raise self.error("numbers are too wide")
            size, out = _size(prefix), []
            for number in self.integers(n, series):
                digits = str(number).zfill(width)
                self.spend("made", size + len(digits))
                out.append(prefix + digits)
            return out
        raise self.error("the coding of strings is unknown")

    # Columns of floats.

    def floats(self, kind: int, n: int, series: List[int]) -> List[float]:
        if kind >= 108:
            return self.raw(kind - 107, n, series)
        exponent, param = 0, 0
        if kind >= 96:
            coding, param = kind - 96, self.byte()
            exponent = param & 31
            if exponent > 22 or param & 0x80:
                raise self.error("the parameter of decimals is unknown")
        else:
            exponent, coding = divmod(kind - 48, 12)
        multiply = param & 0x20

        def value(m: int) -> float:
            if multiply:
                return float(_signed(m)) * _NEGATIVE_POWERS[exponent]
            return float(_signed(m)) / _POWERS[exponent]

        predictor, constant = coding >> 1, coding & 1
        if not param & 0x40:
            return [value(m) for m in self.ints(predictor << 2 | constant, n, series)]
        if constant or predictor == _NONE:
            raise self.error("exceptions in a column that can have none")
        memory, out = _Memory(), []
        for s in series:
            u = self.varint()
            if u == 1:
                out.append(_float(int.from_bytes(self.take(8), "big")))
                continue
            if u & 1:
                raise self.error("an exception is unknown")
            m = memory.predict(predictor, s) + _unzigzag(u >> 1) & _MASK
            memory.add(s, m)
            out.append(value(m))
        return out

    def raw(self, predictor: int, n: int, series: List[int]) -> List[float]:
        memory, out = _Memory(), []
        for control, s in zip(self.take(n), series):
            front, k = control >> 4, control & 15
            if front + k > 8:
                raise self.error("a float of more than eight bytes")
            bits = int.from_bytes(self.take(k), "big") << 8 * (8 - front - k)
            bits ^= memory.predict(predictor, s)
            memory.add(s, bits)
            out.append(_float(bits))
        return out

    def column(self, kind: int, series: List[int]) -> List[Any]:
        n = len(series)
        if kind < 24:
            return [_signed(v) for v in self.ints(kind, n, series)]
        if kind < 48:
            return [Uint(v) for v in self.ints(kind - 24, n, series)]
        if kind < 111:
            return self.floats(kind, n, series)
        if kind in (115, 116):
            return [kind == 116] * n
        if kind in (117, 118):
            data, memory, out = self.take((n + 7) // 8), _Memory(), []
            for i, s in enumerate(series):
                bit = data[i >> 3] >> (i & 7) & 1
                if kind == 118:
                    bit ^= memory.predict(_SERIES, s)
                    memory.add(s, bit)
                out.append(bit == 1)
            return out
        if 119 <= kind <= 122:
            texts = self.strings(kind - 119, n, series)
            self.spend("text", sum(map(_size, texts)))
            return texts
        raise self.error("the kind of a column is unknown")

    # The whole.

    def metrics(self) -> List[Metric]:
        head = self.byte()
        unit = head & 15
        if unit > 11 or head & 0xC0:
            raise self.error("the head is unknown")
        n = self.count(MAX_METRICS)
        groups = [self.schema() for _ in range(1 if head & 0x10 else self.count(n))]
        of_their_own = bool(head & 0x20)
        series = self.series(groups, n if of_their_own else self.count(n))
        of = list(range(n)) if of_their_own else self.series_of_metrics(n, len(series))
        times = self.integers(n, of)
        for i, s in enumerate(of):
            groups[series[s].group].rows.append(i)
        out: List[Any] = [None] * n
        for g in groups:
            self.group(g, series, of, times, 10**unit, out)
        if self.at != len(self.data):
            raise self.error("bytes are left over")
        return out

    def schema(self) -> _Group:
        name, tags, columns, flags = self.string(), self.names(), self.names(), self.byte()
        if not name or not columns or flags & 0xF0:
            raise self.error("the schema of a measurement is unknown")
        kinds = self.take(len(columns))
        raw = [t.encode("utf-8", "surrogateescape") for t in tags]
        if any(a >= b for a, b in zip(raw, raw[1:])):
            raise self.error("tag keys are not in ascending order")
        types = [0 if k < 24 else 1 if k < 48 else 2 if k < 115 else 3 if k < 119 else 4 for k in kinds]
        names = [(c.encode("utf-8", "surrogateescape"), t) for c, t in zip(columns, types)]
        if any(a >= b for a, b in zip(names, names[1:])):
            raise self.error("field names are not in ascending order")
        return _Group(name, tags, columns, flags, kinds)

    def series(self, groups: List[_Group], n: int) -> List[_Series]:
        of = [0] * n
        if len(groups) > 1:
            of, distinct = self.indices(n)
            if distinct != len(groups):
                raise self.error("a measurement has no series")
        series = [_Series(g) for g in of]
        members: List[List[_Series]] = [[] for _ in groups]
        for s in series:
            members[s.group].append(s)
        for g, of_group in zip(groups, members):
            has = self.presence(bool(g.flags & 1), len(g.tags), len(of_group), None, "series")
            codings = bytes(len(g.tags)) if g.flags & 4 else self.take(len(g.tags))
            for s in of_group:
                s.keys = [] if g.flags & 1 else g.tags
            for t, key in enumerate(g.tags):
                rows = has.rows(t)
                for row, value in zip(rows, self.strings(codings[t], len(rows), None)):
                    s = of_group[row]
                    if g.flags & 1:
                        s.keys.append(key)
                    s.values.append(value)
                    s.text += _size(key) + _size(value)
        return series

    def series_of_metrics(self, n: int, count: int) -> List[int]:
        follower: Dict[Optional[int], int] = {}
        out: List[int] = []
        before, unseen = None, 0
        for c in self.integers(n):
            s = c - 1 if c > 0 else follower.get(before, unseen)
            if s > unseen or s >= count:
                raise self.error("a series is out of order")
            follower[before] = s
            before = s
            unseen += s == unseen
            out.append(s)
        if unseen != count:
            raise self.error("no metric has one of the series")
        return out

    def group(
        self, g: _Group, series: List[_Series], of: List[int], times: List[int], unit: int, out: List[Any]
    ) -> None:
        n = len(g.rows)
        local = [of[r] for r in g.rows]
        self.spend("values", sum(len(series[s].keys) for s in local))
        has = self.presence(bool(g.flags & 2), len(g.columns), n, local, "values")
        self.spend("text", n * _size(g.name) + sum(series[s].text for s in local))
        self.spend("text", sum(len(has.rows(c)) * _size(name) for c, name in enumerate(g.columns)))

        sparse, denominators = has.members is not None, None
        if g.flags & 8:
            if sparse:
                raise self.error("denominators where not every metric has all fields")
            denominators = self.integers(n, local)
        columns: List[List[Any]] = []
        shares = []
        for c, kind in enumerate(g.kinds):
            if 111 <= kind <= 114 and sparse or kind == 114 and denominators is None:
                raise self.error("a share or quotient where none can be")
            if kind == 114:
                numerators, differences = self.integers(n, local), self.integers(n, local)
                columns.append([
                    _float((_bits(float(100 * p & _MASK) / float(q)) if q else 0) + d & _MASK)
                    for p, q, d in zip(numerators, denominators, differences)
                ])
            elif 111 <= kind <= 113:
                a, b = self.varint(), self.varint()
                if a >= len(g.kinds) or b >= len(g.kinds) or g.kinds[a] >= 48 or g.kinds[b] >= 48:
                    raise self.error("a share of something that is no integer")
                shares.append((kind, c, a, b))
                columns.append([])
            else:
                columns.append(self.column(kind, [local[r] for r in has.rows(c)] if sparse else local))
        for kind, c, a, b in shares:
            columns[c] = [_share(kind, float(x), float(y)) for x, y in zip(columns[a], columns[b])]
            if any(map(math.isnan, columns[c])):
                raise self.error("a share that is not a number")

        fields: List[Dict[str, Any]] = [{} for _ in range(n)]
        for c, name in enumerate(g.columns):
            for row, value in zip(has.rows(c), columns[c]):
                if name in fields[row]:
                    raise self.error("a metric has a field twice")
                fields[row][name] = value
        for row, r in enumerate(g.rows):
            if not fields[row]:
                raise self.error("a metric has no field")
            of_row, time = series[local[row]], _signed(times[r] * unit + _EPOCH & _MASK)
            out[r] = Metric(g.name, dict(zip(of_row.keys, of_row.values)), fields[row], time)


def _share(kind: int, x: float, y: float) -> float:
    if kind == 111:
        return _divide(100 * x, y)
    return _divide(x, y if kind == 112 else x + y) * 100


# Events.


def _form(text: str) -> Tuple[str, str]:
    """The payload and the key of a form."""
    try:
        members = urllib.parse.parse_qs(text, max_num_fields=100)
    except ValueError:
        members = {}
    if "payload" not in members:
        raise EventError("neither JSON nor a form with a payload")
    return members["payload"][0], members.get("key", [""])[0]


def _object(text: str) -> Dict[str, Any]:
    def integer(digits: str) -> int:
        if len(digits) > 20:
            raise ValueError("a number has too many digits")
        return int(digits)

    try:
        out = json.loads(text, parse_int=integer)
    except (ValueError, RecursionError):
        raise EventError("the event is not JSON") from None
    if not isinstance(out, dict):
        raise EventError("the event is not a JSON object")
    return out


def _base64(text: str, member: str) -> bytes:
    try:
        data = base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        raise EventError(f"{member} is not base64") from None
    if not data:
        raise EventError(f"{member} is empty")
    return data


# Line protocol.

_NAME = str.maketrans({"\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", ",": "\\,", " ": "\\ "})
_KEY = {**_NAME, ord("="): "\\="}
_STRING = str.maketrans({'"': '\\"', "\\": "\\\\"})


def _sorted(members: Dict[str, Any]) -> List[Tuple[str, Any]]:
    return sorted(members.items(), key=lambda m: m[0].encode("utf-8", "surrogateescape"))


def _escape(s: str, table: Dict[int, str]) -> str:
    return s.translate(table)


def _field(value: Value, uint_support: bool) -> str:
    """A value, or "" where there is no way to write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Uint):
        return f"{int(value)}u" if uint_support else f"{min(int(value), (1 << 63) - 1)}i"
    if isinstance(value, int):
        return f"{value}i"
    if isinstance(value, str):
        return f'"{value.translate(_STRING)}"'
    if not math.isfinite(value):
        return ""
    digits = format(decimal.Decimal(repr(value)), "f")  # the shortest that is exact, without exponent
    return digits[:-2] if digits.endswith(".0") else digits


def _dictionary() -> bytes:
    """Dictionary version 1, 32,768 bytes."""
    global _dictionary_1
    if not _dictionary_1:
        _dictionary_1 = zlib.decompress(base64.b64decode(_DICTIONARY_1), -15)
    return _dictionary_1


_dictionary_1 = b""

# Dictionary version 1 as raw DEFLATE in base64. Generated: do not edit.
_DICTIONARY_1 = """
1FvNtuOoEdYjJTlnFnmHrLPlYMA2cyWgAdnX/fSpP4SQfJP5SU8mi25TH0VRFEVRgO68lprd36YQrVP3WOpkEHJZBb24qdx1tiqs
CzN4OyFckjaOEOZysy7Vm+J0NnfVBNydnutd+WC9cWUi4UC4z4kaTdpU/3AqZb/o/FLUVRG0UT746vXsv/twaxhocwHx8aqyS7M3
eg8JT3ZzNLruWpWq69p+lAHdpzXoUvwtONuYppTj4urdAUt231YHKmtrsyui/5rnaTIxVBeqml241fsEtSmG4lT1OKysLxdfl28K
mq9u0muNyrrZVTfZFSpnx6ICqsA89ZUciX5gDXVQ1gUGtFY/+wLjiGEDQROnrVpAJ33jTmFQS5q8ncFuPsDULG6J+TU1nsurujJS
KoEkX+oBzXo5ItDZ64CB4cyHsw0tW0EBPhAgsLqOgB1gcvMJUDdX34Lv2x/QtF7ASvcTMLK1kXRSpI3QuQMZ71RmDY6J0wZu9Arm
nmPwBZxnX9GnP4Kch3dPmW1wefYevXxLCtQDF8LJNHcdgptLW3fgsvvaCJUG57/sHMB9Yisx/HkGnD1Z7C0kVh+Nxpxni/VpZ6fF
NVbXHADNca3o12eE7dhtAjbq3i/2sL58qGt2rpeUnnVedvTsF1+nq1U1Vj1jYS2gyM1sTmpm7Ze3EOsAOAQJ+WHIRxqg0o8brqIz
MLKR2JHaGJ7ZV9cFnZCRUUSNZHO5hQcvJYpiDoYbcMAM1si1Fx8gbmKRwxkXmr+o5lhHPEJ4y0cQx+TykZf1Y5jngEoQIbM3hcu3
pSp74XJwxWsulpviWA8Ud6lcLTsKIq3ZkeUFLs/jSvN684F5ydWId0/zgutodgXWGplpMxlWsLtQiczHCiryq/oJA11DfQvyZHAN
lJet4ow1ZtSG+6Mid5jXwCpjKcDSnkqEJVSLcArFzGs6bCBXB3PCwV9WvCye/a6RcP/Wy1ZQjbUjxL7fX2AZ42o2cYEpBVv10NIX
O0BXD374dZQ9r/8xUoT4nJ299YCy73MEuS8A++BlGO830NEcPoCTwsyf9tHThuDDO+z9dqJgVG9BCWpLDLdoLzCTSWFWgQF6nnnh
TNw/DlYHW9hPOknzjLsb7NJOKhvJleD/LleuEoIrYC6zdyKxUVxFcWkGj5LKTkv1Eh/SmxBcQa7IOJcZXpPVVfiF4AoKCvuOOsAM
zTScVbFx2CL4nyR/D+1nmkuTHa1XD65UUE2I+OUOa6XLQVEkBArY/CzspuLlZ1X8d7ebBeDXVTN6lSUnFC85JihO7YqO8klwQEzy
ygSCncFfyABqzOANzIvO1lWEXk9e8AvVBROScKDGHlhhVu/c5SiVs3FiyEUNCTb6QWkEzRVQt1t2N5xScUp1hflw9lwhkUoX8kGI
660IbCvsVBsJw8aUpwiABt4qnzpj9OuzLkp1WvSSTnsB81RVnNlnQmprNqBmzRlmbMDYhOJibOvjiDvYRwuiSswqRHJoWPNnRHxf
8OShTztSIwc0AyiuZ2DgGxXYL00OgUftR5QbCFjkt9vQ+lJ9MEcTnHERE8264EGH5dgOcETaI7wZ7BEKGQBcPQhEoUu0/voa+/66
mlXA2nctjmzzWu6uyG8fcKN7WFOh9FA7Cj7j1AxhREsrdPFshqOYjnYhAhb57SJ+hpNrhFxtDR9lmsFgwWw2OAPiCgLzIhqpkUOW
1Ug2nsXRoVkOxsHhtEpq2onGTRA4K2MjJRwxuaB2iw8ASV9UMTrQJMdsXe4VrBA2us4eg2zC4HfV64xll43DpanN3Snrc32NGMXw
tge232ZZTpKs2EgIMQfeGyid0vxSF11BUqHDwRkWx1n8PPuhWUxCXtbr1WW2wB6hgM3mYbhN4Ug1bRmV9ToQIwfsTmatGGJixK0B
k2AI2KXNwcjEBzUFk/WM+WPP/p6xzM5Bd8faNeAtiZ7BgO4B1pd6WQ4jNerb7oBgx2Na3H8gxhazFlZ2T5HAkAykm7VD0n2byHPN
eS47S5tNKMzxpp4+2PjsKjUP68RxmLiGHBc57JU9sWcu3qL/LrDH8ii4qez7dNrF07+Su7TLigcEmIq7xtsB+yWj3FaVLxlwCWJ8
rmahM5LCdZT1TEuJ2dmunUM21H4M/YpBwusd15rIGzlxFhMtiQ4t+vMXNMSAQI354MBu/mV11/HMYd1/ENFNcK5sR8wvG4N5YWnc
vmbgobIK3MuXTNb9IjZR6UuuNSwQrM4WKckHTtalt1m/VOgMMh9fOwY3fF+TdSgQ/s6NuU3P3MbMTFSJpoijNohPBUJ8uNexvh8X
trMLH6k57o+YhP9ae6jt5b5KEUuYuZZe7LW8pg+b/hGlfgUs8rsX0VIRTJjxpPCg7aJHhWfd7aTqCl1s+S3tPi4gCx1v7tDfWM2p
PjDwJIATyJQWcg4yjfjpv+dBLb9mIWse5PQ7Y5i5GkecWlQH48lxaVVNb2bZ0Hamp64K7DveoJ9INQYPaiD3FLc190rOJL2z79uO
KEjpIzvySNZwjZnZYS5GjvNIBZdw7Ow4VlqwTVi4MfNWWzPdr3Kqc7DHGv7DqHAjc1nGsfXAHUxhO4GzBtN4sUy7uEnr1HI+KOBR
j27Xpp71QYlhvD5AIAMCP2WG7bLfIZX1Ukz2iaXLQu/9bRddd51y/HyxYlwU9cqDz7r0+DLBGEJteSqM1XxsRIwf3k34/KT0rXLB
3D+oUDDPWfBmVLjFvtOU7umaFrpAdO1lBxOqqb35sPp0lUTH2PbkA3KR1duNc7fv6lxlN5cOumC5+TfGJZgzMoYcyJsSaHM770l+
BGAfHAh8d5pwARwlEGjufrYZeLNDv7AE7pvzbInebXq6DAAW2OzVz49F8TMSDaA/YpS4ZtPuIrZtl17qsC80mH0jhSVI4wk3BuTm
7ht785KYz/1NLbQYB4O2QhacFIkgzfcva3mNWIt2LueYpQydS2XhMrqkmAEWDtNiJWkyfQd3owy5zWxuC6pNvE7ox34BQvXLJ7zw
kSPY5NLdwSrRc0vZr3hx8nSZ1cBQr6xjBxyUbQIWH1qZ7qk0vuYcz13hC0GwXkHTYGGE3QUSLovabSuAWDc5ZscnL374Ag9uSvcd
7IknJunlO15GSRlCiC4rBAy+mlnSWilCu9ODcGIbrqu34FiYoZRtc7hlne7elCPOvnVEy3JEHt66CE5htWoK2+yhuJFgz2jlOIw3
TI6z6FS+qGlTMNYWV1Bam1odVEkO7ywu5iy5oWepUnOWyOOlvKqV2+NHo3lFCUGLMRkPkn3As1BoJtmhT2/rveM4r8pm/QT3lwwy
xye6KzAYvukfazAHWvMRFcc5oGsY5VSftz3tMoPjYaw64DauwKwu/lixrHP1iZ+9b285mhLVLXTpAGqqG+x09LL+nS8hrKMpHDAX
ztixnTjf5NPica0UiFtgQQ+bt7c9gvUQ0T894DKtz2nFyDk99Ly6UdZRAnNK29YAhnrFhwl8RVsw1+0DLf3bBTpEs0A5V3s7hFeJ
X7SoKS6We5whbmZfvdHzqeKq0cuy0xQbjJuLX3FnT++bS8XY/Kw8LJg/Tumclt+sMC+SR5yrvv2BdsYOy+9Umv4vwDr736S5LlUk
wWaSVrzcrxXTlYBZOwJiFokkRsN2AmuC+RhkRkHOwuiNw1d5FB6/wKGaiJ9J0C6yp2VhJAiikLIvals6XtRf+3aF6a6ao7z2//Wn
5QAcaK5nhbiIeSEVnlqexT8u9MNXlCdFlXmrLcND+akTyOJfEdYMQnk3f6f1Y6zSnpN+lfaYByn+BAszqBrNLpXOw9dRvZlkkCyT
7yX1j5nq3zgT/y+6YcL6Y3RrRwlyc/HEXm73fuL78tOxxrUvc+2vcy5NCRyeufDfvqql79y03eb+Kefpz6wbnhR+ZKS9YCrePIAp
9gMprwU3C09nBuFiirm4LFysyO8f7/9+ImCki6fUvuDT/xeaXuOfTNOzktZnOrK//sSa+kTHDfra0gdWMK+zg4BCFXK7MKWPWoA7
XH3wFx3weZ2U6sf96Z//+OtPyuaYkoPqlT5Ark617c590gXCw8k7IH0Gip+B0d1DmfyCeZeFMX+o4r4hPM3+ip9Uh4lOY/D0FJyl
MjfCczlKeU34DDPTZ7XyEQIyCIr8dGt6y5hsSXd0QDKYsmXzUHyu36Ofi68bHJIyIdGpH8vOBLXojDeSuMtsbNhvvMr4GlVw/Pjp
MXO1saHRuG+8HqxZg4aiW6/Ci5JOHWtZYAdaEpTur4JZ76lBeXq8isj0rtErebBnPXqdKNJJXwx9Ft4hUaYjnP5lGK355ljiRtHX
Bx1rimuDLiK97yt8gDOdt2qfOnWxQna5HWQP4M/R9/j7DkMm78uuZrLPRLOrLfLT+80JgEDMmFwdFrzrPCPoPeUNLELZu/i5wjbS
30LMSH7Sh63e9GspgLzJBo/iOpUVogXz4aa/5+KHiI6U13KJs9hhDWf3F2yc0ekSg8UEnwoSwyh4QG8pto/x+CtwLksbQnor/hzx
qg1/gYVXb3f+NIYbyWVJwcymBterJfLRpreBLLcLl2tj6VSaTE+PX2PpDJo6l8eohR8uGnw6g7Z0aWeVT0XK3EAZb/Hqwqbo5ZKb
5qnc9YfbPptJ/BcDmI3hLSjfO9JgwW2JQXL/7U4tf7bHPynsNWUl+yWHnAeuwPAE5Sj0tHtvCr2oacErVrOmspuhGfcOr+dmDaiV
D+AuuoJ2L/wUOt96ctFgfJRrxHZoNeuCruYfMvAYVGMJBbVbnjq7iQ+w18xh7yV0E8KvV3Ibw/ZsL6MTnSmbKgFcHvmOWjRcxI4o
H7/bH700wRSYO/eWUFxnfSsTjWV214qjeDOw6Qfa9DdZ7b9mp99nls+f/vJ3ZVyuvHrbO4YvZQXb4/NHDGwZgdhu7ThMkRn24yma
Qp8JJ4h9TLAeXH5Ao6vHmnzTQe4XBwJE0u0frLEH/YlPX9dKz7eYfb0vU9FhGhWgL3fo1rNz7V9wuGfDHeJLG4YBmkT3mXwWxYP7
bB/0MQBq2BUfAnT9V3dX2yS3bYP1izrePZ/t+5jG7bQfmqTjZPpRo1tx95jVm0XpztdfXwAPIJKr27XPjp0mM/YRACkQfBUIgFoh
pGoYCNOdD/ZIlNXuTMmLgfJyAfjxnKK7eFF34o0leeq+jSqclGf1aKw19tXRiyJ6OeURrOM2oHgJuykKqnp4N01DaYYKs4FNd319
wi9p5OktsJwHiixY8lzZsp8kzYJqm1NJ4lxEwGijBN9Z0aiaLtvvidCfyFUF2dMsr2mbdpVcE9mpMZsaW3sekByRoSAd3vH7FKKw
52WufedCiAXNEcVwyovAYu9cE8rGH6ktc+sp65GaQo+LR4ErCF3/UIS5G31wnAY3pfb84t4Hf+tlmXHoFlV2GJ0LQOB/Ke7qmh+J
r8a40WE16HKURZZxL9qa84rv+MVLdbwjxBVvhU8ofljiu4u/isvpnTjIMuTvvvPh7mfq/Yz8027K8HcsqVJ+lpPvWx+OQep1gP8u
wSaA3w3VCLKWLkLL2pa20Myu2mJNMNau40PPE9t92fXFw0NXJIHZgas5xaONuVDjc+p4wEyLORb9jdMMR9jRupGIOvfBL459DRXs
+QJh7StVVxWh+cixBrhMWk39uESC8uFJFvjoZDYqvTpoeKgaoR93jWptSqHpd0cjH8S2bgctCcVz7pji3K5yV8x1W5WsjqpcNA2r
Pd9TnSc+sYVCW7nuB5addol711C2yqBjVU3UD7fz9GnDxZpjgfcWXkK1Dp68f/IRzLqWfHm67cVxA/5ATTFpdlMTBUIVa/54a3AN
n87146xqZ366ApaoWt52EEJ2A2exFaYAO1YWpIOJTiM04yqYTFSB1J+p5sfqKOZDPZKYeYAHs+thatfyguCBXBatGCKxcqJtmW8R
I4J8bP2SD4jyARA0sI0j9GMSbnGgaT3ocIIjNnPsShjG7/lxM346hM/k/HxHWbSHGKOcBx6T6bO9rfTd+Sv3U0FopzOLEnpiP0Gl
H6kWxASlO6Yf32PUOAcnlWc9hLn/3Aqew3taVkdR+Z7Kis5Wv5/7idTQRu2M6Duad/2921FOqlT4Qd+cYKzxP43ebsItVeibAKFe
El9SMMtdgLavig9xtQDbO5pCwJu+P86DLLWMMNArF4Qx3jeNuEWC/Grx8a3vFJQ4kF1bA9BQEFdb7ADItO96AhPeCVtZYXE18cwv
qa+l9QJo4+KFVYO13wfqugNxed8UdQUXEq4oRT3ktjmWMayQMXAwNHAfAeBiBQxMAeHHC3bL5/Uu5ko8mJxbI6lxNMtjhoSuoJpI
ROWnVIncS3EpUBfxhkJNovFkkHAdDWjUGqmXVbqAtwb3k4I09xicB7tMI/DekdoHWKPhFcF1GkXsJs2HSq/o+Ilh3LniGsXF61l2
MUfGG4hKKP2wgLIzJAWZibMtgoPv+/2e5oKytIAUO4hxK/i9utM1Nly/KIabG/7/lxt9Bm9I0ZkIQkEsZS0A0tOCxMnSSyzkrvFU
bSgstcmtZpdQaBykxAbjzGIINkX653ra6fshxt9yNr1uZVHKOz4lhIi1XsPq+GK+9G4pvYOXyn6sDhzVpNJzwicd2fD17rXhg5wo
efXVyDy4gE81lLJdBGoK9cWvaFkayyVTdz83jfRgvDiyvELqVYBlDOSyV4XcdVT/dUQIGIEhkCWFy2auUhwvxJQwhsD75+7IfUq6
TxsXOysuvl5AfvEbokaEqQpHiX7h0VLMbkgb09ZNlRhkXUcblzq944YSI7egsp9ElousCy+adOpnkmNb5Tsi+jbHRTRFI/t19fIc
NRAAHgOoj5wKSHvn3GpB+aKK05unyx+a+/1U7oMiD1FweddJ/NS4loQjM4XtaY24+IpJbB2j23aaJT21JnPXKZUH4TwvzV7zi1lr
npBa1ndyR2q6810pOfRa8+3cSowbHtYi1ie/1aSIQw1l8JOnxrq81vpRqdIqatHtRDXcywFRrSl9e/RN4xZ39zghI14aWDegc9PX
kF691pdbYUZeBtQvRqC+BBgyC/tkBadYcFoKTrHgun2053yL0VENvuoIUVh0RtHgUgGgMe864uPdyPer+KCrW6N+KcN3KTvFlCFK
ICwSFFImdIMaDqLUUUq6noEDSS4JXyAeQ+D/5d18sJsxaVVKidUpBa0AnAtntPUzJmKkqHiKqZCRAFEVUYEVY7EVyoWfO3mJx3UK
3Uw0mzQP/RPz1vMENoRvMVV4/OF+HvnNiIqV31owUaG/XCri8nHJ6DDeT5MIN7jR93VISQq6+nKmqg3youtKakvnGnmPG020h0gx
/VAxHJwVkSH9ffskXbp/nA6io5Dvv7yL9MD8zF7yfWk623LzYh6D7BmslF4oQFB1kcHl561DzhfA/pAUqC9IV58XLM1aPXVenHol
iY7dp2kleaB+Fwc8ZAi9DlldyWmqJOfEMOFl2vGSYiaHno2llEkIZg0D9lUxu8QtU7Q+vShyqp8VBbfpQzyzaZv0OlO0i5ljX2OV
i8UfzxESTHgYkcotG56sJT5/VOxgBEOCw86urWnBsRPKoWY9QRUaB8hC220drAPzfqRmMenu1IgHaw75BWwoL10roj7BH5yZYThq
RBhfx/o0RqL1CEbQO1bjjv/jSRyuJ82L7VfDjzb8ybbK6CjQ1RJf6/b+g3puntvWwUd7T/QC6ZyKcp3v/bTHwR9BoiVpAf2o1igj
+S4hDTPccL7n6RBxSBxxC6tWZUjvB5eVGthI9mp8lMlPLkkN9aHZndav6wvnBIVhTTBsDEshau/uaAibfhXW+hW5b0ORtafjA0qN
VMNQuXfPWNfOC37eoBYHY706pIPhUliPVQyY/eiied78ee5Yf/mgq4U1dirwpM+ePytY4X1s+3khDKO/p+rUhpcTcRV3IcZpQ6vQ
UTfvnp5TcsSPDCMt5yfb6/OnHg0Fy9dznN/ZiTicn40ENtztkcko55FyGQ+StV4R2cyvRLwz5A2BsmtyWjpZj1p8TV+X1zVrT6xz
nnpmDJBoTV6X1sWv5dcZ6ydkNFB+TU5LZ2NkD6xz8mcwkrF0pGXlVsOnT6xz13XgOy7Lrbj45DoPz50Q1W32WRta6NpBr3KbfhQ/
XxZ9VY/hl0Fc5Wq7jOF05x/2+7esv1D6T75OSukPCU9Cv6tpCb0T2Qn7x/f/7H7cTW4C8uM8AZPn3yLoE8jf2DYBMCnyC0c7/HQU
7F/TTH9/pG10YU/8lIliCxerSeGUD5z/RT/s5gqtM3dg8ZbWx8/sivr3jFiid6KASSe9kyYKWLTvJ1quegsfPKZ+8LvlbuG9u/O0
KZEL2bnFlum80VnrL3j2THP9RFxc3zdVN4l7W/VcuUG3n12jr6K7uidXpqp/NHG8OCIa2sYbSvu6bx2xLEI1uabxPEEQnKGvHUgk
rtMN/l5Lch0VW4v5BY4ZoknJoeSVeZ1Rk/zlZt3T9O2ji9Z9kIDOhzsj+FYJGhzAV1/zsvfVeAeilo/EELyuCxMlFNprZbMp2/uI
bTPsijF1ibANSWywO3Fsx7ndB/WUsJ4yukO0L5tN3dLSdfd+7Dv2SRhtOXlMrmrpBb54T77Yn4KIu+PtcMHRcpozT8szlz0u7HUK
Ew/pUbxN384FMzTiYeQgFYx1TrvzYWpclxPlPR4dNQJxcK+vJAo5J/THjztsSlG6qEAd1r4bQ5YvPaw9OhGLhb7M0cOvle/qv9ln
VwM+iIWNRXP/8+57jvyS7wCsC8imENQUcXIHHxtSGiBSONpRZFCxv1h0DDDscYNkH8aqdsum01TYvWTfWJ4irDuAbpGhKz60f/Vc
Nnqym0trMl2Oz16Hz3WFP+l+/j29zWIR+EZb1mdbGTp7x0UFIh7277OD/thzhyDtZ3FbE86JoPBL4DlF9El9f1FV53vDqv/iafPb
i89L7nZWfzwLq7cbfG3B+HyN4wWSjSaGbjW90vSlpq81faPpDdKtJi801cc00YevkbxCopyU0c0SHkoSLeAmAVNySt8m8FUCv0zg
6wR+lcCvE/hNhBOWCceEYcIjsqA2iKZEDUC6sXQhLJStAVcGvDTg2oBXBrw24I0CW0s3BthDxs64Gd14GSvjdKMq0QtNN5YuhIXy
0oBrA14b8EaBraUbA4xypakxMR6vNDVWxulmCRJm0QzcJGAKbxP4OoFfJfDrBH6TwElN2wRM4YTNVQRfRjApkLC+wQZCDUC6sXQB
tgZcGfDSgDcGGJetpS8M2BiwZBkbS681faXpa02N+U324ZQXGbbJsZPMk9xtjl7l6MscfZWjbzJ0m2MvcnSTo3nhvNa80usMe51h
uQDUJ/34fubuUGCzAJEUadsFerlA1wv0aoFeG6QPoHEKXS3QwmQhLcwWXgurNwbc5Js9mwx1x/fTatuXX6CAcdg+oNRsIriN4FWR
RlbXu5JqWI6M7Gw4PBZ6ggJWHumQta/M+CxbO+Ks460g0uam4Lsjzpq+PX287alRpcqgGN7E/YBoIz1paBFDYw0gPH0/SIjlXq7u
KdJsDNgaoNuVOnHifYW5gwWtn8clyPihHznIqTvinJxOJh0e1pPvHckTPLRRf0v5DMWDZAS3EbwSb9JX1FRjBI1B0ZWJeEtXL4Dl
IGCi5iHNIm/mEMtAcBbUjuWfVpeyhmKKUAtFxGQcCjGxouo7f7grIwRJKPAAX2mUc1tEA0pGXMv7TsWjmYoiBCBPIzgK4aY3zGHo
5RV1WwT9ERppU5g7RRFijoYAZrYCge/ZPrvHZ1bxvfAFQ2nD5Cm1wvHQR7CcaDkV4qv+qoebvp9wksmNg2q+1871XYrRGkzDvJf4
eDEBUHvi3UBpDuaNRl5b7TpHMCcUwRhriJH+bk1Z1bWrDdNQpIjT2YmqSggalxkJGvWL4Kx5KJW9SJYjGrEVxdfrgSQUehwbrrZA
FfxYps4lz3IMhOljXRGtLt5+LBgec0P4y9oguqPpFslKkI9QRlwDGVIKfg9DkdE1ruIZGguwbUJRzEg4Jw472jFFOnV7hiIWlBmc
CRMbcsBNND3KZQOuvYMSZY5pj6QozZfYlaC7+nQUY8Vibi4OvU1viGDI+VqtmvXsitV+fHbl00nWiu+fs2ppdnzG4vW9tOHUdRSJ
T1n4OROgSrqScx94oucmAuqJL9xpeCLDLx/KCOvGrYjsh2c3VEirATJRSBijRMRn1BLhWMOlmqtDR1X53SebxaLe1Vf1U5YxXvEn
xq/zJi+1WbPjlf+j3RqSdGCjSgqL4woE2SMUVM+uIuN7QLEw3IYxI9DANesYKLiARZSv9mL6nZsmOnXBOi86OjgSjsfHvFTUNFpU
pgupQj2P2N95QwnMzSyq+ESk+N+HYu9YmVTG6WW6gf4KFR8gtq+MLjeC27C8YaoPEnWdZtG8OaWd/1asBcFMTNO7mcij2RqC0cSE
/5iROCoBVGOahaewB6G2D0agN1r5MDs+JtFQv6ztfK7a0bDvxsdhKthJAGOGfFSHmhV2tCr4MnH34LmyaXy01aDb8IrjeVb8hxc2
6jzL+FSDqRpfhYt6DDsTOmrd/4de8+fXMGxE1nrGn0yz+KjZV06oyMY+A8p5eucmngo6E6bdUO5ohbsI4TNJhtKuJLCjh/RHRwXf
+04KbjJsyxicdLSfMKKhjAJ2fYd6wmMHE7chJKJUiQHDZl4PGnRo5yAR+fPPLFQFDcMjLsZcPMFEilWpMWk1O3jkvUNsuWcsHk9+
jUcAje9MzoZLrM/c8e8sdsV/+/bWu/Dp1VDCcj2vNu5EraqQ86pWomoR7WRnFZ7nlv/sqICOo9fez3jvEirp08EC39RJBA0+LjrV
0UXlrqRjCQj3u6k1JZzTeeJ5xT719NebWjcenP62lSHQvy8q7o6sIBMVVf6XNfnzujGZNlzz9TXkaCB6ytqjzHkpirtTl2DENZ/m
BrIAgkqa4jRXjWYohrxY7fn7QJeu9rD0w5zeW/kDWrqquavHxz+WxcuP7qLdKz/myC6A5gLGsSCCougDp10TkJ4JFB7fA4gF9UAA
BOcBgNjJGLYYjepg1f++x5L/AQ==
"""
