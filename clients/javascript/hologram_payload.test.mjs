import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { test } from "node:test";
import vm from "node:vm";
import zlib from "node:zlib";

import * as payload from "./hologram_payload.mjs";
import worker from "./worker.mjs";

const file = (name) => readFileSync(new URL(`../../${name}`, import.meta.url));
const lines = (name) => file(name).toString().trim().split("\n").map((l) => JSON.parse(l));

const DICTIONARY = file("internal/payload/dictionary/v1.bin");
const VECTORS = lines("internal/payload/testdata/vectors.jsonl");
const EVENTS = lines("clients/testdata/events.jsonl");
const vector = (name) => VECTORS.find((v) => v.name === name).payload;

const TEXT = Array.from({ length: 96 }, (_, i) => String.fromCharCode(32 + i)).filter((c) => !'"\\'.includes(c));
const SMS_TEXT = [...`!"${TEXT.slice(2).join("")}`].filter((c) => !" $@[]^_`{|}~\x7f".includes(c));

/** The text of a frame, by the table of docs/payload.md backwards. */
function encode(version, frame) {
  const [digits, chars, size] = version === "," ? [TEXT, 11, 9] : [SMS_TEXT, 34, 27];
  let out = version;
  for (let at = 0; at < frame.length; at += size) {
    const group = frame.subarray(at, at + size);
    let number = BigInt(`0x${Buffer.from(group).toString("hex")}`);
    let text = "";
    for (let i = Math.ceil((group.length * chars) / size); i > 0; i--) {
      text = digits[Number(number % BigInt(digits.length))] + text;
      number /= BigInt(digits.length);
    }
    out += text;
  }
  return out;
}

/** The frame of a text, by Node's own means. */
function frameOf(text) {
  const out = [];
  for (const group of text.slice(1).match(/.{1,11}/gsu)) {
    let number = 0n;
    for (const c of group) number = number * 94n + BigInt(TEXT.indexOf(c));
    const size = Math.floor((group.length * 9) / 11);
    out.push(Buffer.from(number.toString(16).padStart(2 * size, "0"), "hex"));
  }
  return Buffer.concat(out);
}

function crc32(data) {
  let c = -1;
  for (const b of data) {
    c ^= b;
    for (let i = 0; i < 8; i++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  }
  return ~c;
}

function framed(content, method = 0, body = content) {
  const sum = crc32(Buffer.concat([Buffer.from([0, 5]), content]));
  const head = Buffer.from([method << 4, 5, (sum >> 16) & 255, (sum >> 8) & 255, sum & 255]);
  return encode(",", Buffer.concat([head, body]));
}

const deflate = (content, options = {}) => zlib.deflateRawSync(content, { dictionary: DICTIONARY, level: 9, ...options });
const deflated = (content, options) => framed(content, 1, deflate(content, options));

/** A value as the vectors have it. Which NaN it is, is not kept. */
function field(value, type) {
  if (type !== "float") return { type, value: String(value) };
  const bits = Buffer.alloc(8);
  bits.writeDoubleBE(value);
  return { type, value: Number.isNaN(value) ? "NaN" : bits.toString("hex") };
}

const isNaNBits = (hex) => /^[7f]ff/.test(hex) && !/^[7f]ff0{13}$/.test(hex);

function requireVector(v, batch) {
  assert.equal(batch.sequence, v.sequence);
  assert.equal(batch.checksum.toString(16).padStart(6, "0"), v.checksum);
  assert.equal(batch.metrics.length, v.metrics.length);
  v.metrics.forEach((want, i) => {
    const got = batch.metrics[i];
    assert.equal(got.name, want.name);
    assert.deepEqual(got.tags, want.tags);
    assert.equal(String(got.timeNs), want.time);
    const fields = Object.keys(got.fields).map((k) => [k, field(got.fields[k], got.types[k])]);
    for (const f of Object.values(want.fields)) if (f.type === "float" && isNaNBits(f.value)) f.value = "NaN";
    assert.deepEqual(Object.fromEntries(fields), want.fields);
    assert.deepEqual(Object.keys(got.types), Object.keys(got.fields));
  });
}

test("vectors", () => {
  for (const v of [...VECTORS, ...lines("clients/testdata/edges.jsonl")]) {
    const frame = frameOf(v.payload);
    assert.equal(encode(",", frame), v.payload);
    const sms = encode(";", frame);
    if (v.sms) assert.equal(sms, v.sms);
    for (const text of [v.payload, Buffer.from(v.payload), sms, `${sms}\r\n`, `${sms}@ `]) {
      requireVector(v, payload.decode(text));
    }
  }
});

test("line protocol of the vectors", () => {
  const all = VECTORS.filter((v) => v.line_protocol);
  assert.ok(all.length > 10);
  for (const v of all) {
    const got = payload.lineProtocol(payload.decode(v.payload).metrics);
    assert.equal(Buffer.from(got).toString(), v.line_protocol, v.name);
  }
});

test("what must be refused", () => {
  for (const c of lines("clients/testdata/refused.jsonl")) {
    assert.throws(() => payload.decode(c.payload), (e) => e instanceof payload.PayloadError && e.name === c.error, c.name);
  }
});

test("inflate is that of zlib", () => {
  const contents = [DICTIONARY.subarray(100, 20000), Buffer.alloc(70000, "abc"), Buffer.from([]), file("go.sum")];
  const random = Buffer.alloc(70000);
  for (let i = 0, x = 1; i < random.length; i++) random[i] = x = (x * 1103515245 + 12345) >> 3;
  contents.push(random);
  for (const content of contents) {
    for (const options of [{}, { level: 0 }, { level: 1 }, { strategy: zlib.constants.Z_FIXED }, { strategy: zlib.constants.Z_HUFFMAN_ONLY }]) {
      // The content is none, but its checksum has been compared before that is found out.
      assert.throws(() => payload.decode(deflated(content, options)), /^PayloadError: content at byte/);
    }
  }
});

/** Requires that a body is inflated, or refused, as zlib does it. */
function sameAsZlib(body) {
  let want = null;
  try {
    const { buffer, engine } = zlib.inflateRawSync(body, { dictionary: DICTIONARY, info: true, maxOutputLength: 2 << 20 });
    if (engine.bytesWritten === body.length) want = buffer;
  } catch {
    // It is refused.
  }
  let error = "";
  try {
    payload.decode(framed(want ?? Buffer.from("no content"), 1, body));
  } catch (e) {
    error = String(e);
  }
  // What zlib inflates has the right checksum, so that another error comes from behind it.
  const inflates = !/^(PayloadError: inflating|ChecksumError)/.test(error);
  assert.equal(inflates, want !== null, `${body.toString("hex")}: ${error}`);
  assert.ok(want !== null || error.startsWith("PayloadError: inflating"), error);
  return inflates;
}

let state = 1;

/** A pseudorandom number below n. */
function random(n) {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return (state >>> 8) % n;
}

test("damaged DEFLATE is refused as zlib refuses it", () => {
  const skewed = Buffer.from(Array.from({ length: 1500 }, () => 128 + Math.min(random(60), random(60), random(60))));
  const host = Buffer.from(VECTORS.find((v) => v.name === "two intervals of a host").content, "hex");
  let [good, bad] = [0, 0];
  for (const body of [deflate(skewed), deflate(host), deflate(host, { level: 0 }), deflate(Buffer.alloc(500, "ab"))]) {
    for (let i = 0; i < Math.min(8 * body.length, 700); i++) {
      const damaged = Buffer.from(body);
      damaged[i >> 3] ^= 1 << (i & 7);
      if (sameAsZlib(damaged)) good++;
      else bad++;
    }
  }
  for (let i = 0; i < 4000; i++) {
    const body = Buffer.from(Array.from({ length: 12 + random(60) }, () => random(256)));
    body[0] = (body[0] & ~6) | 4; // codes of its own
    if (i % 4 === 0) body[1] |= 0x1f;
    sameAsZlib(body);
  }
  assert.ok(good > 100 && bad > 200, `${good} ${bad}`);
});

/** Bytes of bits; those of a code are given as they come, numbers as [number, bits]. */
function bitsToBytes(...parts) {
  const bits = parts.flatMap((p) =>
    typeof p === "string" ? [...p].map(Number) : Array.from({ length: p[1] }, (_, i) => (p[0] >> i) & 1),
  );
  const out = Buffer.alloc(Math.ceil(bits.length / 8));
  bits.forEach((b, i) => (out[i >> 3] |= b << (i & 7)));
  return out;
}

test("codes of DEFLATE that compressors seldom make", () => {
  // "a" has one bit, 256 and 257 (three bytes more) have two, and the one distance one.
  const lengths = { 18: 1, 1: 2, 2: 2 };
  const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1];
  const code = { 18: "0", 1: "10", 2: "11" };
  const block = (distances, ...data) =>
    bitsToBytes([1, 1], [2, 2], [258 - 257, 5], [distances - 1, 5], [order.length - 4, 4],
      ...order.map((s) => [lengths[s] ?? 0, 3]),
      code[18], [97 - 11, 7], code[1], code[18], [138 - 11, 7], code[18], [20 - 11, 7], code[2], code[2],
      ...data);
  assert.ok(sameAsZlib(block(1, code[1], "0", "11", "0", "0", "10"))); // aaaaa
  assert.ok(!sameAsZlib(block(1, code[1], "0", "11", "1", "0", "10"))); // the distance has no such code
  assert.ok(!sameAsZlib(block(1, code[2], "0", "11", "00", "0", "10"))); // its code is too long
  assert.ok(sameAsZlib(block(2, code[1], code[1], "0", "11", "0", "0", "10")));
  assert.ok(!sameAsZlib(block(3, code[1], code[1], code[1], "0", "11", "0", "0", "10"))); // too many of one bit
  assert.ok(!sameAsZlib(block(1, code[18], [0, 7], "0", "10"))); // more lengths than there are
  assert.ok(!sameAsZlib(block(31, code[1], code[18], [30 - 11, 7], "0", "11", "0", "0", "10"))); // 30 may be
  // The same with 29 lengths more, which are two too many, and with a repetition of nothing at the front.
  const more = [[1, 1], [2, 2], [287 - 257, 5], [0, 5], [order.length - 4, 4], ...order.map((s) => [lengths[s] ?? 0, 3])];
  const head = [code[18], [97 - 11, 7], code[1], code[18], [138 - 11, 7], code[18], [20 - 11, 7], code[2], code[2]];
  assert.ok(!sameAsZlib(bitsToBytes(...more, ...head, code[18], [29 - 11, 7], code[1], "0", "11", "0", "0", "10")));
  const repeats = { 18: 1, 1: 2, 2: 3, 16: 3 };
  const first = (...zeros) =>
    bitsToBytes([1, 1], [2, 2], [1, 5], [0, 5], [order.length - 4, 4], ...order.map((s) => [repeats[s] ?? 0, 3]),
      ...zeros, "10", "0", [138 - 11, 7], "0", [20 - 11, 7], "110", "110", "10", "0", "11", "0", "0", "10");
  assert.ok(sameAsZlib(first("0", [94 - 11, 7], "111", [0, 2])));
  assert.ok(!sameAsZlib(first("111", [0, 2], "0", [94 - 11, 7])));
  assert.ok(!sameAsZlib(bitsToBytes([1, 1], [2, 2], [0, 5], [0, 5], [0, 4], ...[1, 0, 1, 0].map((l) => [l, 3]), "0", [0, 2])));
});

test("types", () => {
  const [metric] = payload.decode(vector("every type")).metrics;
  assert.deepEqual(metric, {
    name: "m",
    tags: { a: "b" },
    fields: { b: true, f: 1.5, i: -7n, s: "text", u: 7n },
    types: { b: "bool", f: "float", i: "int", s: "string", u: "uint" },
    timeNs: 1767225660000000001n,
  });
  assert.ok(Object.isFrozen(metric.types));
});

test("names of JavaScript's own", () => {
  const names = ["__proto__", "constructor", "toString"].map((s) => `${s}\0`).join("");
  const content = Buffer.from(`\x3b\x01m\0${names}\0${names}\0\x04\x74\x74\x74${"a\0b\0c\0"}\0\0`, "latin1");
  const { metrics } = payload.decode(framed(content));
  assert.deepEqual(Object.entries(metrics[0].tags), [["__proto__", "a"], ["constructor", "b"], ["toString", "c"]]);
  const line = "m,__proto__=a,constructor=b,toString=c __proto__=true,constructor=true,toString=true 1767225600000000000\n";
  assert.equal(Buffer.from(payload.lineProtocol(metrics)).toString(), line);
});

test("strings that are no UTF-8", () => {
  const content = Buffer.from("\x3b\x01\xff\xc3m\0\0f\0\0\x04\x77\0\0\xe2\x82!\0", "latin1");
  const { metrics } = payload.decode(framed(content));
  assert.equal(metrics[0].name, "\udcff\udcc3m");
  const line = '\xff\xc3m f="\xe2\x82!" 1767225600000000000\n';
  assert.equal(Buffer.from(payload.lineProtocol(metrics)).toString("latin1"), line);
  // Forms that are too long, surrogates, and what is beyond U+10FFFF.
  const wrong = "\xe0\x80\x80\xe0\x9f\xbf\xed\xa0\x80\xf0\x8f\xbf\xbf\xf4\x90\x80\x80\xc0\x80\xf5\x80\xe2\x82";
  const names = Buffer.from(`\x3b\x01${wrong}\0\0f\0\0\x04\x73\0\0`, "latin1");
  const escaped = wrong.replace(/[^]/g, (c) => String.fromCharCode(0xdc00 + c.charCodeAt(0)));
  assert.equal(payload.decode(framed(names)).metrics[0].name, escaped);
  for (const s of ["", "aé漢😀", "\u07ff\u0800\uffff\u{10ffff}"]) {
    assert.equal(Buffer.from(payload.utf8(s)).toString(), s);
  }
});

test("line protocol of all", () => {
  const fields = {
    "": 1, "a=b": 6, b: -0, c: 1e22, d: 1e-7, e: 5e-324, f: NaN, g: Infinity, h: true, i: -5n,
    s: 'say "hi\\"\n', u: 2n ** 64n - 1n, v: 0.1, w: 0, x: 123.5,
  };
  const types = { h: "bool", i: "int", s: "string", u: "uint" };
  for (const k of Object.keys(fields)) types[k] ??= "float";
  const metric = {
    name: "m, n=", tags: { a: "", b: "c\\\\", "d\n": "e f", "g\\": "=", "\\": "x" }, fields, types, timeNs: -1n,
  };
  const written =
    `m\\,\\ n=,b=c,d\\n=e\\ f,g=\\= a\\=b=6,b=-0,c=10000000000000000000000,d=0.0000001,e=0.${"0".repeat(323)}5,` +
    'h=true,i=-5i,s="say \\"hi\\\\\\"\n",u=18446744073709551615u,v=0.1,w=0,x=123.5 -1\n';
  const nothing = { ...metric, fields: { f: NaN } };
  const text = (options) => Buffer.from(payload.lineProtocol([nothing, metric, { ...metric, name: "" }], options)).toString();
  assert.equal(text(), written);
  assert.equal(text({ uintSupport: false }), written.replace("18446744073709551615u", "9223372036854775807i"));
});

const varint = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >> 7)]);

/** Metrics that are all alike, with so many tags and constant columns. */
function grid(rows, tags, columns, kind, data = "") {
  const names = (n, prefix) => Array.from({ length: n }, (_, i) => `${prefix}${String(i).padStart(6, "0")}\0`).join("");
  const head = `\x19${String.fromCharCode(...varint(rows))}m\0${names(tags, "t")}\0${names(columns, "")}\0\x04`;
  const tail = `${String.fromCharCode(kind).repeat(columns)}\x01${"v\0".repeat(tags)}\x09\x02\x09\0${data.repeat(columns)}`;
  return Buffer.from(head + tail, "latin1");
}

test("hostile sizes", () => {
  for (const [name, content, metrics] of [
    ["zeros", Buffer.alloc(2 << 20), 0],
    ["more than there may be", Buffer.alloc((2 << 20) + 1), 0],
    ["one metric, many columns", grid(1, 0, 60_000, 115), 1],
    ["many metrics", grid(65_536, 0, 4, 115), 65_536],
    ["one metric too many", grid(65_537, 0, 1, 115), 0],
    ["too many values", grid(65_536, 0, 5, 115), 0],
    ["2^32 values", grid(65_536, 65_536, 1, 115), 0],
    ["numbered strings", grid(512, 0, 30, 122, `${"x".repeat(1000)}\0\0\x09\0`), 512],
    ["numbered strings, too many", grid(512, 0, 512, 122, `${"x".repeat(4000)}\0\0\x09\0`), 0],
  ]) {
    const text = deflated(content);
    const start = performance.now();
    let got = 0;
    try {
      got = payload.decode(text).metrics.length;
    } catch (e) {
      assert.ok(e instanceof payload.PayloadError, e);
    }
    assert.equal(got, metrics, name);
    assert.ok(performance.now() - start < 60_000, name);
  }
  for (const text of [`,${" ".repeat(3e6)}`, `;${"!".repeat(3e6)}`, "x".repeat(17 << 20)]) {
    assert.throws(() => payload.decode(text), payload.TooLargeError);
  }
  const blocks = Buffer.from("000000ffff".repeat(100_000), "hex"); // which make nothing
  assert.throws(() => payload.decode(framed(Buffer.alloc(0), 1, blocks)), payload.PayloadError);
});

test("damage", () => {
  const text = vector("a temperature");
  const want = payload.decode(text);
  for (let i = 1; i < text.length; i++) {
    assert.throws(() => payload.decode(text.slice(0, i)), payload.PayloadError);
    for (const c of '\x7f 5~\n"é') {
      if (c === text[i]) continue;
      let got = null;
      try {
        got = payload.decode(text.slice(0, i) + c + text.slice(i + 1));
      } catch (e) {
        assert.ok(e instanceof payload.PayloadError, e);
        continue;
      }
      assert.deepEqual(got, want); // DEFLATE has bits that mean nothing
    }
  }
});

test("events", () => {
  const batch = payload.decode(vector("a temperature"));
  for (const c of EVENTS) {
    for (const body of [c.body, Buffer.from(c.body)]) {
      if (c.error) {
        assert.throws(() => payload.decodeEvent(body), (e) => e instanceof payload.PayloadError && e.name === c.error, c.name);
        continue;
      }
      const w = c.want;
      const want = { batch, deviceId: w.device_id, deviceName: w.device_name, received: w.received, topics: w.topics, recordId: w.record_id, key: w.key };
      assert.deepEqual(payload.decodeEvent(body), want, c.name);
    }
  }
  const { body } = EVENTS.find((c) => c.name === "a message");
  assert.equal(payload.decodeEvent(JSON.parse(body)).deviceId, 5678);
  assert.throws(
    () => payload.decodeEvent('{"data":"Y3B1IHVzYWdlPTE="}'),
    (e) => e instanceof payload.NotCompactError && Buffer.from(e.data).toString() === "cpu usage=1",
  );
  for (const hostile of [Buffer.from([0xff]), "x".repeat(17 << 20), `{${" ".repeat(17 << 20)}`, `{"data":${"[".repeat(100_000)}`]) {
    assert.throws(() => payload.decodeEvent(hostile), payload.PayloadError);
  }
});

test("needs nothing but the language", () => {
  const source = file("clients/javascript/hologram_payload.mjs").toString().replace(/^export /gm, "");
  const context = vm.createContext(Object.create(null)); // no Buffer, no TextDecoder, no atob
  const name = vm.runInContext(`${source};(text) => decode(text).metrics[0].name`, context)(vector("a temperature"));
  assert.equal(name, "temp");
});

test("the worker", async (t) => {
  const taken = [];
  let status = 204;
  const influx = createServer((request, response) => {
    const chunks = [];
    request.on("data", (c) => chunks.push(c)).on("end", () => {
      taken.push([request.headers.authorization, Buffer.concat(chunks).toString()]);
      response.writeHead(status).end();
    });
  });
  await new Promise((resolve) => influx.listen(0, "127.0.0.1", resolve));
  t.after(() => influx.close());
  const env = { HOLOGRAM_SECRET: "s3cret", INFLUX_TOKEN: "t", INFLUX_URL: `http://127.0.0.1:${influx.address().port}/api/v2/write` };
  const call = async (body, secret = "s3cret") => {
    const headers = { "x-hologram-secret": secret };
    return (await worker.fetch(new Request("https://worker.example/", { method: "POST", headers, body }), env)).status;
  };
  const { body } = EVENTS.find((c) => c.name === "a message");
  assert.equal(await call(body, "wrong"), 401);
  assert.equal(await call(body, ""), 401);
  assert.equal(await call("{}"), 422);
  assert.deepEqual(taken, []);
  assert.equal(await call(body), 204);
  const line = "temp,hologram_device=5678,host=gw-17,sensor=cpu_thermal temp=48.2 1767225660000000000\n";
  assert.deepEqual(taken, [["Token t", line]]);
  status = 500;
  assert.equal(await call(body), 503);
});
