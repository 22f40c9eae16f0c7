/**
 * Reads the compact payload of telegraf-hologram: text out of the Hologram cloud becomes metrics.
 *
 *     import { decodeEvent, lineProtocol } from "./hologram_payload.mjs";
 *
 *     const event = decodeEvent(body);               // what a webhook was sent
 *     for (const metric of event.batch.metrics)
 *       console.log(metric.name, metric.tags, metric.fields, metric.timeNs);
 *     lineProtocol(event.batch.metrics);             // for InfluxDB
 *
 * One file without dependencies, for Node 18 and later, browsers and workers: it uses nothing but
 * the language (ES2021). docs/payload.md of telegraf-hologram specifies the payload.
 *
 * Types. metric.types says of each field whether it is "int", "uint", "float", "bool" or "string".
 * The values of int and uint fields are BigInts, those of floats are numbers, whose bits are those
 * that were sent (but for the bits in NaN that tell one NaN from another). A time is a BigInt of
 * nanoseconds since 1970 (UTC). JSON.stringify refuses BigInts; give it
 * (key, value) => typeof value === "bigint" ? String(value) : value.
 *
 * Strings of a payload are bytes, which nearly always are UTF-8. Those that are not have their
 * other bytes as U+DC80 to U+DCFF; utf8() gives the bytes back.
 *
 * Text may come from anyone. What is wrong throws a PayloadError after bounded work: a payload has
 * at most 2 MiB of content, 65,536 metrics, 262,144 values and 16 MiB of text.
 *
 * @typedef {"int" | "uint" | "float" | "bool" | "string"} Type
 *
 * @typedef {object} Metric A metric of Telegraf.
 * @property {string} name
 * @property {Object<string, string>} tags
 * @property {Object<string, bigint | number | boolean | string>} fields
 * @property {Readonly<Object<string, Type>>} types By field; metrics share it.
 * @property {bigint} timeNs Unix time in nanoseconds, in 64 bits.
 *
 * @typedef {object} Batch What a payload holds. Sequence and checksum together identify a payload
 *   of a sender. After n comes n + 1, and after 4095 comes 1; 0 is the first of a sender that has
 *   started anew.
 * @property {number} sequence 0 to 4095
 * @property {number} checksum 24 bits
 * @property {Metric[]} metrics
 *
 * @typedef {object} Event What a webhook was sent. What the cloud did not tell is null, or "".
 * @property {Batch} batch
 * @property {number | string | null} deviceId
 * @property {string} deviceName
 * @property {string} received When the cloud had it, in the cloud's words; UTC where it names no zone.
 * @property {string[]} topics
 * @property {string} recordId
 * @property {string} key The shared key that comes beside the event in a form.
 */

export const MAX_CONTENT = 2 << 20; // bytes between compression and columns
export const MAX_METRICS = 1 << 16;
export const MAX_VALUES = 1 << 18; // tag and field values of all metrics
export const MAX_TEXT = 1 << 24; // bytes of names and strings, each counted in every metric
export const MAX_EVENT = 16 << 20; // characters of an event or any other text

/** The text cannot be read; it never will be. */
export class PayloadError extends Error {
  get name() {
    return "PayloadError";
  }
}

/** The text is no compact payload at all. Its bytes are in data. */
export class NotCompactError extends PayloadError {
  constructor(message, data = new Uint8Array()) {
    super(message);
    this.data = data;
  }

  get name() {
    return "NotCompactError";
  }
}

/** The payload was damaged on its way. */
export class ChecksumError extends PayloadError {
  get name() {
    return "ChecksumError";
  }
}

/** The text, or what it declares, is beyond the limits of one payload. */
export class TooLargeError extends PayloadError {
  get name() {
    return "TooLargeError";
  }
}

/** The body of a webhook is none of the shapes that the Hologram cloud sends. */
export class EventError extends PayloadError {
  get name() {
    return "EventError";
  }
}

/**
 * Returns the metrics of a payload, in their order.
 *
 * @param {string | Uint8Array} text
 * @returns {Batch}
 */
export function decode(text) {
  if (text.length > MAX_EVENT) throw new TooLargeError(`a text of ${text.length} characters`);
  let data = typeof text === "string" ? utf8(text) : text;
  let alphabet = TEXT;
  if (data[0] === 0x3b) {
    alphabet = SMS_TEXT;
    data = data.subarray(0, trimmedLength(data));
  }
  if (data[0] !== 0x2c && (data[0] !== 0x3b || data.includes(0x20))) {
    throw new NotCompactError("not a compact payload", typeof text === "string" ? utf8(text) : text);
  }
  const frame = decodeText(alphabet, data.subarray(1));
  if (frame.length < 5) throw new PayloadError(`a frame of ${frame.length} bytes is too short`);
  const sequence = ((frame[0] & 15) << 8) | frame[1];
  const checksum = (frame[2] << 16) | (frame[3] << 8) | frame[4];
  const content = decompress(frame[0] >> 4, frame.subarray(5));
  if ((crc32(content, crc32([sequence >> 8, sequence & 255])) & 0xffffff) !== checksum) {
    throw new ChecksumError("the checksum does not match");
  }
  return { sequence, checksum, metrics: new Content(content).metrics() };
}

/**
 * Returns the metrics of what a webhook was sent.
 *
 * The body is JSON with the payload as base64 in data (a message) or body (an SMS), with device.id
 * and device.name or device_id and device_name; an item of the data log, whose data is such JSON;
 * or the form of a legacy webhook with such JSON as payload.
 *
 * Throws NotCompactError, with the bytes of the message, where that is something else.
 *
 * @param {string | Uint8Array | object} body Text, or what JSON.parse made of it.
 * @returns {Event}
 */
export function decodeEvent(body) {
  let key = "";
  if (body instanceof Uint8Array) {
    if (body.length > MAX_EVENT) throw new TooLargeError(`an event of ${body.length} bytes`);
    body = fromUtf8(body, 0, body.length);
  }
  if (typeof body === "string") {
    if (body.length > MAX_EVENT) throw new TooLargeError(`an event of ${body.length} characters`);
    let text = body;
    if (!/^[ \t\r\n]*\{/.test(text)) [text, key] = parseForm(text);
    body = parseObject(text);
  }
  const around = [];
  let member, text;
  for (;;) {
    around.unshift(body);
    member = typeof own(body, "body") === "string" ? "body" : "data";
    text = own(body, member);
    if (typeof text !== "string") throw new EventError("the event has no data and no body that is a string");
    if (member === "body" || !text.startsWith("{")) break;
    if (around.length === 4) throw new EventError("JSON within JSON too many times");
    body = parseObject(text);
  }
  const told = (of, ...names) => {
    for (const event of around) {
      for (const name of names) {
        const value = name.startsWith("device.") ? own(own(event, "device"), name.slice(7)) : own(event, name);
        if (of(value)) return value;
      }
    }
    return null;
  };
  const isText = (v) => typeof v === "string";
  return {
    batch: decode(fromBase64(text, member)),
    deviceId: told((v) => isText(v) || typeof v === "number", "device.id", "device_id", "deviceid"),
    deviceName: told(isText, "device.name", "device_name") ?? "",
    received: told(isText, "received") ?? "",
    topics: (told(Array.isArray, "tags") ?? []).filter(isText),
    recordId: told(isText, "record_id") ?? "",
    key,
  };
}

/**
 * Returns the metrics as lines of InfluxDB's line protocol in UTF-8, as Telegraf writes it.
 *
 * Unsigned fields end in u. InfluxDB 1 does not take that: without uintSupport they are written as
 * signed, and above 2^63 - 1 as that number.
 *
 * What line protocol cannot say is left out: fields that are NaN or infinite, tags, names and
 * values that are empty, backslashes at the end of tags, and metrics of which no field is left.
 *
 * @param {Iterable<Metric>} metrics
 * @param {{ uintSupport?: boolean }} [options]
 * @returns {Uint8Array}
 */
export function lineProtocol(metrics, { uintSupport = true } = {}) {
  // Strings here have a byte as each character, so that keys sort as bytes do.
  const lines = [];
  const sorted = (object) => {
    const entries = Object.entries(object).map(([k, v]) => [bytesOf(k), v]);
    return entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  };
  for (const metric of metrics) {
    let line = escapeName(bytesOf(metric.name));
    for (let [key, value] of sorted(metric.tags)) {
      key = key.replace(/\\+$/, "");
      value = bytesOf(value).replace(/\\+$/, "");
      if (key && value) line += `,${escapeKey(key)}=${escapeKey(value)}`;
    }
    let separator = " ";
    for (const [key, [value, type]] of sorted(withTypes(metric))) {
      const written = fieldText(value, type, uintSupport);
      if (!key || !written) continue;
      line += `${separator}${escapeKey(key)}=${written}`;
      separator = ",";
    }
    if (metric.name && separator === ",") lines.push(`${line} ${metric.timeNs}\n`);
  }
  const text = lines.join("");
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

/**
 * Returns the bytes of a string of a payload: UTF-8, and the bytes that U+DC80 to U+DCFF stand for.
 *
 * @param {string} text
 * @returns {Uint8Array}
 */
export function utf8(text) {
  const out = new Uint8Array(3 * text.length);
  let n = 0;
  for (let i = 0; i < text.length; i++) {
    let c = text.charCodeAt(i);
    if (c < 0x80) {
      out[n++] = c;
      continue;
    }
    if (c < 0x800) {
      out[n++] = 0xc0 | (c >> 6);
      out[n++] = 0x80 | (c & 63);
      continue;
    }
    const next = i + 1 < text.length ? text.charCodeAt(i + 1) : 0;
    if (c >= 0xd800 && c < 0xdc00 && next >= 0xdc00 && next < 0xe000) {
      c = 0x10000 + ((c - 0xd800) << 10) + (next - 0xdc00);
      i++;
      out[n++] = 0xf0 | (c >> 18);
      out[n++] = 0x80 | ((c >> 12) & 63);
      out[n++] = 0x80 | ((c >> 6) & 63);
      out[n++] = 0x80 | (c & 63);
      continue;
    }
    if (c >= 0xdc80 && c <= 0xdcff) {
      out[n++] = c & 0xff;
      continue;
    }
    out[n++] = 0xe0 | (c >> 12);
    out[n++] = 0x80 | ((c >> 6) & 63);
    out[n++] = 0x80 | (c & 63);
  }
  return out.slice(0, n);
}

/** The string of data[from] to data[to - 1]. */
function fromUtf8(data, from, to) {
  const units = [];
  let out = "";
  for (let i = from; i < to; ) {
    const length = sequenceLength(data, i, to);
    const b = data[i];
    if (length === 0) units.push(0xdc00 | b);
    else if (length === 1) units.push(b);
    else if (length === 2) units.push(((b & 31) << 6) | (data[i + 1] & 63));
    else if (length === 3) units.push(((b & 15) << 12) | ((data[i + 1] & 63) << 6) | (data[i + 2] & 63));
    else {
      const c = ((b & 7) << 18) | ((data[i + 1] & 63) << 12) | ((data[i + 2] & 63) << 6) | (data[i + 3] & 63);
      units.push(0xd800 + ((c - 0x10000) >> 10), 0xdc00 + (c & 0x3ff));
    }
    i += length || 1;
    if (units.length > 4096) out += String.fromCharCode(...units.splice(0));
  }
  return out + String.fromCharCode(...units);
}

/** The bytes of the character of UTF-8 at data[i]; 0 where there is none. */
function sequenceLength(data, i, to) {
  const b = data[i];
  if (b < 0x80) return 1;
  const length = b < 0xc2 ? 0 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : b < 0xf5 ? 4 : 0;
  if (length === 0 || i + length > to) return 0;
  const second = data[i + 1];
  // No longer form than is needed, no surrogates, nothing beyond U+10FFFF.
  const low = b === 0xe0 ? 0xa0 : b === 0xf0 ? 0x90 : 0x80;
  const high = b === 0xed ? 0x9f : b === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let k = 2; k < length; k++) if (data[i + k] >> 6 !== 2) return 0;
  return length;
}

// Text: groups of characters, each of which is a number that a group of bytes has too.

function alphabet(characters, groupChars, groupBytes) {
  const digits = new Uint8Array(256).fill(255);
  for (let i = 0; i < characters.length; i++) digits[characters.charCodeAt(i)] = i;
  return { radix: characters.length, chars: groupChars, bytes: groupBytes, digits };
}

const DIGITS = "0123456789";
const CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const SMALL = "abcdefghijklmnopqrstuvwxyz";
const TEXT = alphabet(` !#$%&'()*+,-./${DIGITS}:;<=>?@${CAPITALS}[]^_\`${SMALL}{|}~\x7f`, 11, 9);
const SMS_TEXT = alphabet(`!"#%&'()*+,-./${DIGITS}:;<=>?${CAPITALS}${SMALL}`, 34, 27);

/** The number of characters of n bytes. */
function textLength(a, n) {
  return Math.ceil((n * a.chars) / a.bytes);
}

/** The length without what networks, modems and gateways add to the end of an SMS. */
function trimmedLength(data) {
  let n = data.length;
  while (n > 0 && [0x20, 0x09, 0x0d, 0x0a, 0x40].includes(data[n - 1])) n--;
  return n;
}

function decodeText(a, text) {
  if (text.length > textLength(a, 5 + MAX_CONTENT)) {
    throw new TooLargeError(`a payload of ${text.length + 1} characters`);
  }
  const out = new Uint8Array(Math.ceil((text.length * a.bytes) / a.chars));
  let n = 0;
  for (let at = 0; at < text.length; at += a.chars) {
    const chars = Math.min(a.chars, text.length - at);
    const size = Math.floor((chars * a.bytes) / a.chars);
    if (textLength(a, size) !== chars) throw new PayloadError(`the text ends with a group of ${chars} characters`);
    for (let i = at; i < at + chars; i++) {
      let carry = a.digits[text[i]];
      if (carry === 255) throw new PayloadError(`the byte at position ${i + 1} is outside the alphabet`);
      for (let j = n + size - 1; j >= n; j--) {
        carry += out[j] * a.radix;
        out[j] = carry; // the lower eight bits
        carry >>= 8;
      }
      if (carry > 0) throw new PayloadError(`the group at position ${at + 1} is out of range`);
    }
    n += size;
  }
  return out.subarray(0, n);
}

// Frame.

const CRC = new Int32Array(256);
for (let i = 0; i < 256; i++) {
  let c = i;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  CRC[i] = c;
}

/** CRC-32 (IEEE 802.3) of data, which goes on with that of the data before. */
function crc32(data, before = 0) {
  let c = ~before;
  for (let i = 0; i < data.length; i++) c = CRC[(c ^ data[i]) & 255] ^ (c >>> 8);
  return ~c;
}

function decompress(method, body) {
  if (method === 0) return body;
  if (method !== 1) throw new PayloadError(`compression method ${method} is unknown`);
  return inflate(body, dictionary(), MAX_CONTENT);
}

// DEFLATE (RFC 1951). DecompressionStream takes no preset dictionary.

/** Reads bits, the least significant first. */
class BitReader {
  constructor(data) {
    this.data = data;
    this.at = 0;
    this.bits = 0;
    this.count = 0; // of bits that are not used yet, below 8
  }

  bit() {
    if (this.count === 0) {
      if (this.at === this.data.length) throw new PayloadError("inflating: the payload ends early");
      this.bits = this.data[this.at++];
      this.count = 8;
    }
    const b = this.bits & 1;
    this.bits >>= 1;
    this.count--;
    return b;
  }

  number(bits) {
    let v = 0;
    for (let i = 0; i < bits; i++) v |= this.bit() << i;
    return v;
  }
}

/** A Huffman code: how many codes there are of each length, and the symbols in the order of their codes. */
class Huffman {
  constructor(lengths) {
    this.counts = new Uint16Array(16);
    for (const l of lengths) this.counts[l]++;
    this.counts[0] = 0;
    // A code must be complete, but may be a single bit, or nothing where it is not used.
    let free = 1;
    let used = 0;
    for (let l = 1; l < 16; l++) {
      free = 2 * free - this.counts[l];
      used += this.counts[l];
      if (free < 0) throw new PayloadError("inflating: a code has too many symbols");
    }
    if (free > 0 && used > 0 && !(used === 1 && this.counts[1] === 1)) {
      throw new PayloadError("inflating: a code has too few symbols");
    }
    const next = new Uint16Array(17);
    for (let l = 1; l < 16; l++) next[l + 1] = next[l] + this.counts[l];
    this.symbols = new Uint16Array(used);
    lengths.forEach((l, symbol) => {
      if (l > 0) this.symbols[next[l]++] = symbol;
    });
  }

  symbol(reader) {
    let code = 0;
    let first = 0; // the lowest code of the length
    let before = 0; // symbols of shorter codes
    for (let l = 1; l < 16; l++) {
      code = (code << 1) | reader.bit();
      const count = this.counts[l];
      if (code - first < count) return this.symbols[before + code - first];
      before += count;
      first = (first + count) << 1;
    }
    throw new PayloadError("inflating: a code is unknown");
  }
}

// Lengths and distances: the lowest of each symbol, and how many bits are added.
const LENGTHS = [3, 4, 5, 6, 7, 8, 9, 10];
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0];
const DISTANCES = [1, 2];
const DISTANCE_BITS = [0, 0];
for (let bits = 1; bits < 6; bits++) {
  for (let i = 0; i < 4; i++) {
    LENGTHS.push(LENGTHS[LENGTHS.length - 1] + (1 << (i === 0 ? bits - 1 : bits)));
    LENGTH_BITS.push(bits);
  }
}
LENGTHS.push(258);
LENGTH_BITS.push(0);
for (let bits = 0; bits < 14; bits++) {
  for (let i = 0; i < 2; i++) {
    DISTANCES.push(DISTANCES[DISTANCES.length - 1] + (1 << (i === 0 && bits > 0 ? bits - 1 : bits)));
    DISTANCE_BITS.push(bits);
  }
}
const CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Inflates all of body to at most limit bytes. The dictionary may be empty. */
function inflate(body, preset, limit) {
  const reader = new BitReader(body);
  const base = preset.length;
  let out = new Uint8Array(base + Math.min(limit, Math.max(1024, 4 * body.length)));
  out.set(preset);
  let n = base;
  const room = (more) => {
    if (n + more - base > limit) throw new TooLargeError(`the content is larger than ${limit} bytes`);
    if (n + more <= out.length) return;
    const larger = new Uint8Array(Math.min(base + limit, Math.max(n + more, 2 * out.length)));
    larger.set(out.subarray(0, n));
    out = larger;
  };
  for (let last = false; !last; ) {
    last = reader.bit() === 1;
    const type = reader.number(2);
    if (type === 3) throw new PayloadError("inflating: a block is of an unknown type");
    if (type === 0) {
      reader.count = 0;
      const length = reader.number(16);
      if ((length ^ reader.number(16)) !== 0xffff) throw new PayloadError("inflating: a length is damaged");
      if (length > body.length - reader.at) throw new PayloadError("inflating: the payload ends early");
      room(length);
      out.set(body.subarray(reader.at, reader.at + length), n);
      reader.at += length;
      n += length;
      continue;
    }
    const [literals, distances] = type === 1 ? fixedCodes() : dynamicCodes(reader);
    for (;;) {
      const symbol = literals.symbol(reader);
      if (symbol === 256) break;
      if (symbol < 256) {
        room(1);
        out[n++] = symbol;
        continue;
      }
      if (symbol > 285) throw new PayloadError("inflating: a length is unknown");
      const length = LENGTHS[symbol - 257] + reader.number(LENGTH_BITS[symbol - 257]);
      const d = distances.symbol(reader);
      if (d > 29) throw new PayloadError("inflating: a distance is unknown");
      const distance = DISTANCES[d] + reader.number(DISTANCE_BITS[d]);
      if (distance > n) throw new PayloadError("inflating: a distance reaches too far back");
      room(length);
      for (let i = 0; i < length; i++, n++) out[n] = out[n - distance];
    }
  }
  if (reader.at < body.length) throw new PayloadError(`inflating: ${body.length - reader.at} bytes are left over`);
  return out.subarray(base, n);
}

let fixed = null;

function fixedCodes() {
  if (!fixed) {
    const lengths = new Uint8Array(288).fill(8).fill(9, 144, 256).fill(7, 256, 280);
    fixed = [new Huffman(lengths), new Huffman(new Uint8Array(32).fill(5))];
  }
  return fixed;
}

function dynamicCodes(reader) {
  const literals = reader.number(5) + 257;
  const distances = reader.number(5) + 1;
  const count = reader.number(4) + 4;
  if (literals > 286 || distances > 30) throw new PayloadError("inflating: a code has too many symbols");
  const codes = new Uint8Array(19);
  for (let i = 0; i < count; i++) codes[CODE_ORDER[i]] = reader.number(3);
  const code = new Huffman(codes);
  const lengths = new Uint8Array(literals + distances);
  for (let i = 0; i < lengths.length; ) {
    const symbol = code.symbol(reader);
    if (symbol < 16) {
      lengths[i++] = symbol;
      continue;
    }
    if (symbol === 16 && i === 0) throw new PayloadError("inflating: nothing to repeat");
    const value = symbol === 16 ? lengths[i - 1] : 0;
    const times = symbol === 18 ? 11 + reader.number(7) : 3 + reader.number(symbol - 14);
    if (i + times > lengths.length) throw new PayloadError("inflating: a repetition is too long");
    lengths.fill(value, i, i + times);
    i += times;
  }
  return [new Huffman(lengths.subarray(0, literals)), new Huffman(lengths.subarray(literals))];
}

// Content: groups of metrics, column by column.

const EPOCH = 1767225600000000000n; // 2026-01-01T00:00:00Z
const POWERS = Array.from({ length: 23 }, (_, e) => Number(`1e${e}`));
const NEGATIVE_POWERS = Array.from({ length: 23 }, (_, e) => Number(`1e-${e}`));

// The predictors.
const NONE = 0;
const ZERO = 1;
const ROW = 2;
const SERIES = 3;
const LINEAR = 4;
const STEP = 5;

const TYPES = ["int", "uint", "float", "bool", "string"];

/** The index of the type of a column. */
function typeOf(kind) {
  return kind < 24 ? 0 : kind < 48 ? 1 : kind < 115 ? 2 : kind < 119 ? 3 : 4;
}

const signed = (v) => BigInt.asIntN(64, v);
const unzigzag = (u) => (u >> 1n) ^ -(u & 1n);

const view = new DataView(new ArrayBuffer(8));

function floatOf(bits) {
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

function bitsOf(f) {
  view.setFloat64(0, f);
  return view.getBigUint64(0);
}

/** The number of bytes of a string. */
function size(text) {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return utf8(text).length;
  return text.length;
}

/** Compares strings by their bytes. */
function before(a, b) {
  const x = bytesOf(a);
  const y = bytesOf(b);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** What the predictors know of a column; it is used for one after the other. */
class Memory {
  constructor(series) {
    this.last = new BigUint64Array(series);
    this.before = new BigUint64Array(series);
    this.step = new BigUint64Array(series);
    this.seen = new Uint32Array(series); // the number of the column in which the series was last seen
    this.twice = new Uint32Array(series); // likewise, seen twice
    this.column = 0;
  }

  start() {
    this.column++;
    this.row = 0n;
    this.first = true;
  }

  /** The prediction, which may be outside of 64 bits. */
  predict(predictor, s) {
    if (predictor <= ZERO) return 0n;
    if (predictor === ROW || this.seen[s] !== this.column) return this.row;
    if (predictor === STEP) return this.row + this.step[s];
    if (predictor === LINEAR && this.twice[s] === this.column) return 2n * this.last[s] - this.before[s];
    return this.last[s];
  }

  add(s, v) {
    if (this.seen[s] === this.column) {
      this.twice[s] = this.column;
      this.before[s] = this.last[s];
    }
    this.seen[s] = this.column;
    this.step[s] = this.first ? 0n : v - this.row; // modulo 2^64
    this.last[s] = v;
    this.row = v;
    this.first = false;
  }
}

class Content {
  constructor(data) {
    this.data = data;
    this.at = 0;
    this.left = { names: MAX_VALUES, series: MAX_VALUES, values: MAX_VALUES, made: MAX_TEXT, text: MAX_TEXT };
    this.memory = null;
  }

  error(what) {
    return new PayloadError(`content at byte ${this.at} of ${this.data.length}: ${what}`);
  }

  spend(what, n) {
    this.left[what] -= n;
    if (this.left[what] < 0) {
      throw new TooLargeError(`content at byte ${this.at} of ${this.data.length}: beyond the limits of one payload`);
    }
  }

  // The elements.

  take(n) {
    if (n > this.data.length - this.at) throw this.error("it ends early");
    this.at += n;
    return this.data.subarray(this.at - n, this.at);
  }

  byte() {
    if (this.at === this.data.length) throw this.error("it ends early");
    return this.data[this.at++];
  }

  varint() {
    let low = 0; // 28 bits are quick
    for (let shift = 0; shift < 28; shift += 7) {
      const b = this.byte();
      low |= (b & 127) << shift;
      if (b < 128) return BigInt(low);
    }
    let v = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const b = this.byte();
      v |= BigInt(b & 127) << shift;
      if (b < 128) {
        if (v >> 64n) break;
        return v;
      }
    }
    throw this.error("a number is larger than 64 bits");
  }

  count(limit) {
    const n = this.varint();
    if (n === 0n) throw this.error("there is none where there must be one");
    if (n > BigInt(limit)) throw new TooLargeError(`content at byte ${this.at}: ${n} where at most ${limit} can be`);
    return Number(n);
  }

  /** A string, or null at the end of a list. */
  stringOrEnd() {
    const from = this.at;
    const end = this.data.indexOf(0, from);
    if (end < 0) throw this.error("it ends early");
    this.at = end + 1;
    if (end === from) return null;
    const raw = this.data.subarray(from, end);
    if (!raw.includes(1)) return fromUtf8(raw, 0, raw.length);
    if (raw.length === 2 && raw[0] === 1 && raw[1] === 1) return "";
    const out = new Uint8Array(raw.length);
    let n = 0;
    for (let i = 0; i < raw.length; i++) {
      if (raw[i] !== 1) {
        out[n++] = raw[i];
        continue;
      }
      i++;
      if (raw[i] !== 2 && raw[i] !== 3) throw this.error("an escape is unknown");
      out[n++] = raw[i] - 2;
    }
    return fromUtf8(out, 0, n);
  }

  string() {
    const s = this.stringOrEnd();
    if (s === null) throw this.error("a list ends where there must be a string");
    return s;
  }

  names() {
    const out = [];
    for (;;) {
      const s = this.stringOrEnd();
      if (s === null) return out;
      this.spend("names", 1);
      out.push(s);
    }
  }

  // Columns of integers, as BigUint64Array.

  integers(n, series = null) {
    return this.ints(this.byte(), n, series);
  }

  ints(coding, n, series) {
    const predictor = coding >> 2;
    const constant = (coding & 1) !== 0;
    if (predictor > STEP || (series === null && predictor > ROW)) {
      throw this.error("the coding of integers is unknown");
    }
    const shift = coding & 2 ? this.byte() : 0;
    if (shift > 63) throw this.error("a shift is beyond 63");
    const { memory } = this;
    memory.start();
    const values = new BigUint64Array(n);
    for (let i = 0; i < n; i++) {
      const u = i === 0 || !constant ? this.varint() : 0n;
      if (predictor === NONE) {
        values[i] = u;
        continue;
      }
      const s = series === null ? 0 : series[i];
      values[i] = memory.predict(predictor, s) + unzigzag(u); // modulo 2^64
      memory.add(s, values[i]);
    }
    if (shift > 0) for (let i = 0; i < n; i++) values[i] <<= BigInt(shift);
    return values;
  }

  /** A column of indices, as numbers, and how many distinct ones there are. */
  indices(n, series = null) {
    let distinct = 0;
    const out = Array.from(this.integers(n, series), (v) => {
      if (v > BigInt(distinct)) throw this.error("an index is out of order");
      const x = Number(v);
      if (x === distinct) distinct++;
      return x;
    });
    return [out, distinct];
  }

  /**
   * Which columns each of n rows has: members, the rows of each column; indices, the set of columns
   * of each row; and counts, the number of columns in each set. The first two are null where all
   * rows have all columns.
   */
  presence(sparse, columns, n, series, budget) {
    if (!sparse) {
      this.spend(budget, n * columns);
      return { members: null, indices: null, counts: [columns] };
    }
    const [indices, distinct] = this.indices(n, series);
    const bytes = (columns + 7) >> 3;
    if (bytes * distinct > this.data.length - this.at) throw this.error("it ends early");
    const sets = [];
    const counts = [];
    for (let i = 0; i < distinct; i++) {
      const set = this.take(bytes);
      let count = 0;
      for (let b of set) for (; b; b &= b - 1) count++;
      sets.push(set);
      counts.push(count);
    }
    let total = 0;
    for (const x of indices) total += counts[x];
    this.spend(budget, total);
    const bits = sets.map((set) => {
      const out = [];
      set.forEach((b, at) => {
        for (let i = 0; b >> i; i++) if ((b >> i) & 1) out.push(at * 8 + i);
      });
      if (out.length > 0 && out[out.length - 1] >= columns) throw this.error("a set has a column that is unknown");
      return out;
    });
    const members = Array.from({ length: columns }, () => []);
    indices.forEach((x, row) => {
      for (const column of bits[x]) members[column].push(row);
    });
    if (members.some((rows) => rows.length === 0)) throw this.error("nothing has one of the columns");
    return { members, indices, counts };
  }

  // Columns of strings.

  strings(coding, n, series) {
    if (coding === 0) return Array.from({ length: n }, () => this.string());
    if (coding === 1) return new Array(n).fill(this.string());
    if (coding === 2) {
      const [indices, distinct] = this.indices(n, series);
      const texts = Array.from({ length: distinct }, () => this.string());
      return indices.map((x) => texts[x]);
    }
    if (coding !== 3) throw this.error("the coding of strings is unknown");
    const prefix = this.stringOrEnd() ?? "";
    const width = this.byte();
    if (width > 18) throw this.error("numbers are too wide");
    const bytes = size(prefix);
    return Array.from(this.integers(n, series), (number) => {
      const digits = String(number).padStart(width, "0");
      this.spend("made", bytes + digits.length);
      return prefix + digits;
    });
  }

  // Columns of floats.

  floats(kind, n, series) {
    if (kind >= 108) return this.raw(kind - 107, n, series);
    let exponent = Math.floor((kind - 48) / 12);
    let coding = (kind - 48) % 12;
    let param = 0;
    if (kind >= 96) {
      coding = kind - 96;
      param = this.byte();
      exponent = param & 31;
      if (exponent > 22 || param & 0x80) throw this.error("the parameter of decimals is unknown");
    }
    const value =
      param & 0x20
        ? (m) => Number(signed(m)) * NEGATIVE_POWERS[exponent]
        : (m) => Number(signed(m)) / POWERS[exponent];
    const predictor = coding >> 1;
    const constant = coding & 1;
    if (!(param & 0x40)) return Array.from(this.ints((predictor << 2) | constant, n, series), value);
    if (constant || predictor === NONE) throw this.error("exceptions in a column that can have none");
    const { memory } = this;
    memory.start();
    return Array.from({ length: n }, (_, i) => {
      const u = this.varint();
      if (u === 1n) return this.fixed64();
      if (u & 1n) throw this.error("an exception is unknown");
      const m = BigInt.asUintN(64, memory.predict(predictor, series[i]) + unzigzag(u >> 1n));
      memory.add(series[i], m);
      return value(m);
    });
  }

  /** Eight bytes, as a float. */
  fixed64() {
    this.take(8).forEach((b, i) => view.setUint8(i, b));
    return view.getFloat64(0);
  }

  raw(predictor, n, series) {
    const controls = this.take(n);
    const { memory } = this;
    memory.start();
    return Array.from(controls, (control, i) => {
      const front = control >> 4;
      const k = control & 15;
      if (front + k > 8) throw this.error("a float of more than eight bytes");
      view.setBigUint64(0, 0n);
      this.take(k).forEach((b, j) => view.setUint8(front + j, b));
      const bits = view.getBigUint64(0) ^ memory.predict(predictor, series[i]);
      memory.add(series[i], bits);
      return floatOf(bits);
    });
  }

  column(kind, series) {
    const n = series.length;
    if (kind < 24) return Array.from(this.ints(kind, n, series), signed);
    if (kind < 48) return Array.from(this.ints(kind - 24, n, series));
    if (kind < 111) return this.floats(kind, n, series);
    if (kind === 115 || kind === 116) return new Array(n).fill(kind === 116);
    if (kind === 117 || kind === 118) {
      const data = this.take((n + 7) >> 3);
      const { memory } = this;
      memory.start();
      return Array.from({ length: n }, (_, i) => {
        let bit = BigInt((data[i >> 3] >> (i & 7)) & 1);
        if (kind === 118) {
          bit ^= memory.predict(SERIES, series[i]);
          memory.add(series[i], bit);
        }
        return bit === 1n;
      });
    }
    if (kind < 119 || kind > 122) throw this.error("the kind of a column is unknown");
    const texts = this.strings(kind - 119, n, series);
    let bytes = 0;
    let text = null;
    let length = 0;
    for (const t of texts) {
      if (t !== text) [text, length] = [t, size(t)];
      bytes += length;
    }
    this.spend("text", bytes);
    return texts;
  }

  // The whole.

  metrics() {
    const head = this.byte();
    if ((head & 15) > 11 || head & 0xc0) throw this.error("the head is unknown");
    const n = this.count(MAX_METRICS);
    const groupCount = head & 0x10 ? 1 : this.count(n);
    const groups = [];
    for (let i = 0; i < groupCount; i++) groups.push(this.schema());
    const ofTheirOwn = (head & 0x20) !== 0;
    const seriesCount = ofTheirOwn ? n : this.count(n);
    this.memory = new Memory(seriesCount);
    const series = this.series(groups, seriesCount);
    const of = ofTheirOwn ? Array.from({ length: n }, (_, i) => i) : this.seriesOfMetrics(n, seriesCount);
    const times = this.integers(n, of);
    of.forEach((s, i) => series[s].group.rows.push(i));
    const unit = 10n ** BigInt(head & 15);
    const out = new Array(n);
    for (const g of groups) this.group(g, series, of, times, unit, out);
    if (this.at !== this.data.length) throw this.error("bytes are left over");
    return out;
  }

  schema() {
    const g = { name: this.string(), tags: this.names(), columns: this.names(), flags: this.byte(), rows: [] };
    if (g.name === "" || g.columns.length === 0 || g.flags & 0xf0) {
      throw this.error("the schema of a measurement is unknown");
    }
    g.kinds = this.take(g.columns.length);
    for (let i = 1; i < g.tags.length; i++) {
      if (before(g.tags[i - 1], g.tags[i]) >= 0) throw this.error("tag keys are not in ascending order");
    }
    for (let i = 1; i < g.columns.length; i++) {
      const order = before(g.columns[i - 1], g.columns[i]) || typeOf(g.kinds[i - 1]) - typeOf(g.kinds[i]);
      if (order >= 0) throw this.error("field names are not in ascending order");
    }
    return g;
  }

  series(groups, n) {
    const [of, distinct] = groups.length > 1 ? this.indices(n) : [new Array(n).fill(0), 1];
    if (distinct !== groups.length) throw this.error("a measurement has no series");
    const series = of.map((g) => ({ group: groups[g], keys: groups[g].tags, values: [], text: 0 }));
    const members = groups.map(() => []);
    of.forEach((g, i) => members[g].push(series[i]));
    groups.forEach((g, i) => {
      const presence = this.presence((g.flags & 1) !== 0, g.tags.length, members[i].length, null, "series");
      const codings = g.flags & 4 ? new Uint8Array(g.tags.length) : this.take(g.tags.length);
      if (presence.members) for (const s of members[i]) s.keys = [];
      g.tags.forEach((key, t) => {
        const rows = presence.members?.[t];
        const keySize = size(key);
        this.strings(codings[t], rows ? rows.length : members[i].length, null).forEach((value, at) => {
          const s = members[i][rows ? rows[at] : at];
          if (rows) s.keys.push(key);
          s.values.push(value);
          s.text += keySize + size(value);
        });
      });
    });
    return series;
  }

  seriesOfMetrics(n, count) {
    const followers = new Int32Array(count + 1).fill(-1); // of each series + 1, and of none
    let previous = 0;
    let unseen = 0;
    const out = Array.from(this.integers(n), (c) => {
      if (c > BigInt(count)) throw this.error("a series is out of order");
      let s = Number(c) - 1;
      if (s < 0) s = followers[previous] >= 0 ? followers[previous] : unseen;
      if (s > unseen || s >= count) throw this.error("a series is out of order");
      followers[previous] = s;
      previous = s + 1;
      if (s === unseen) unseen++;
      return s;
    });
    if (unseen !== count) throw this.error("no metric has one of the series");
    return out;
  }

  group(g, series, of, times, unit, out) {
    const n = g.rows.length;
    const local = g.rows.map((r) => of[r]);
    let tags = 0;
    let text = n * size(g.name);
    for (const s of local) {
      tags += series[s].keys.length;
      text += series[s].text;
    }
    this.spend("values", tags);
    const { members, indices, counts } = this.presence((g.flags & 2) !== 0, g.columns.length, n, local, "values");
    g.columns.forEach((name, c) => (text += (members ? members[c].length : n) * size(name)));
    this.spend("text", text);
    if (counts.includes(0)) throw this.error("a metric has no field");

    let denominators = null;
    if (g.flags & 8) {
      if (members) throw this.error("denominators where not every metric has all fields");
      denominators = this.integers(n, local);
    }
    const columns = [];
    const shares = [];
    g.kinds.forEach((kind, c) => {
      if ((kind >= 111 && kind <= 114 && members) || (kind === 114 && !denominators)) {
        throw this.error("a share or quotient where none can be");
      }
      if (kind === 114) {
        const numerators = this.integers(n, local);
        const differences = this.integers(n, local);
        columns.push(Array.from(denominators, (q, i) => quotient(numerators[i], q, differences[i])));
      } else if (kind >= 111 && kind <= 113) {
        const a = this.varint();
        const b = this.varint();
        const integer = (x) => x < BigInt(g.kinds.length) && g.kinds[Number(x)] < 48;
        if (!integer(a) || !integer(b)) throw this.error("a share of something that is no integer");
        shares.push([kind, c, Number(a), Number(b)]);
        columns.push(null);
      } else {
        columns.push(this.column(kind, members ? members[c].map((row) => local[row]) : local));
      }
    });
    for (const [kind, c, a, b] of shares) {
      columns[c] = columns[a].map((x, i) => share(kind, Number(x), Number(columns[b][i])));
      if (columns[c].some(Number.isNaN)) throw this.error("a share that is not a number");
    }

    // Metrics with the same columns share their types.
    const types = counts.map(() => ({}));
    const typed = new Array(counts.length).fill(-1); // by set: the first metric, which fills its types
    const metrics = g.rows.map((r, row) => {
      const set = indices ? indices[row] : 0;
      if (typed[set] < 0) typed[set] = row;
      const s = series[local[row]];
      const timeNs = signed(times[r] * unit + EPOCH);
      const metric = { name: g.name, tags: {}, fields: {}, types: types[set], timeNs };
      s.keys.forEach((key, i) => put(metric.tags, key, s.values[i]));
      out[r] = metric;
      return metric;
    });
    g.columns.forEach((name, c) => {
      const type = TYPES[typeOf(g.kinds[c])];
      const twin = c > 0 && g.columns[c - 1] === name;
      columns[c].forEach((value, i) => {
        const row = members ? members[c][i] : i;
        const { fields } = metrics[row];
        if (twin && has(fields, name)) throw this.error("a metric has a field twice");
        put(fields, name, value);
        const set = indices ? indices[row] : 0;
        if (typed[set] === row) put(types[set], name, type);
      });
    });
    types.forEach(Object.freeze);
  }
}

function quotient(p, q, difference) {
  const bits = q === 0n ? 0n : bitsOf(Number(BigInt.asUintN(64, 100n * p)) / Number(q));
  return floatOf(BigInt.asUintN(64, bits + difference));
}

function share(kind, x, y) {
  if (kind === 111) return (100 * x) / y;
  return (x / (kind === 112 ? y : x + y)) * 100;
}

// Events.

/** Whether an object has a member of its own. */
function has(object, name) {
  return Object.prototype.hasOwnProperty.call(object, name);
}

/** A member of an object, undefined where there is none. */
function own(object, name) {
  return object !== null && typeof object === "object" && has(object, name) ? object[name] : undefined;
}

/** Sets a member of an object, as JSON.parse does: it may have any name. */
function put(object, name, value) {
  if (name === "__proto__") {
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  } else {
    object[name] = value;
  }
}

/** The payload and the key of a form. */
function parseForm(text) {
  const members = new Map();
  const parts = text.split("&", 101);
  if (parts.length > 100) throw new EventError("a form with too many members");
  for (const part of parts) {
    const at = part.indexOf("=");
    if (at < 0) continue;
    try {
      const [name, value] = [part.slice(0, at), part.slice(at + 1)].map((s) => decodeURIComponent(s.replace(/\+/g, " ")));
      if (!members.has(name)) members.set(name, value);
    } catch {
      throw new EventError("a form that is not UTF-8");
    }
  }
  if (!members.has("payload")) throw new EventError("neither JSON nor a form with a payload");
  return [members.get("payload"), members.get("key") ?? ""];
}

function parseObject(text) {
  let out = null;
  try {
    out = JSON.parse(text);
  } catch {
    throw new EventError("the event is not JSON");
  }
  if (out === null || typeof out !== "object" || Array.isArray(out)) {
    throw new EventError("the event is not a JSON object");
  }
  return out;
}

const BASE64 = new Uint8Array(256).fill(255);
for (const [i, c] of [...`${CAPITALS}${SMALL}${DIGITS}+/`].entries()) BASE64[c.charCodeAt(0)] = i;

function fromBase64(text, member) {
  text = text.replace(/[\r\n]/g, "");
  const length = text.length - (text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0);
  const wrong = () => new EventError(`${member} is not base64`);
  if (text.length % 4 !== 0) throw wrong();
  if (length === 0) throw text.length > 0 ? wrong() : new EventError(`${member} is empty`);
  const out = new Uint8Array((length * 3) >> 2);
  let n = 0;
  let bits = 0;
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(i);
    const digit = c < 256 ? BASE64[c] : 255;
    if (digit === 255) throw wrong();
    bits = ((bits << 6) | digit) & 0xffffff;
    if (i % 4 !== 0) out[n++] = bits >> (6 - 2 * (i % 4)); // the lower eight bits
  }
  return out;
}

// Line protocol, in strings with a byte as each character.

/** The bytes of a string, as characters. */
function bytesOf(text) {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) {
      let out = "";
      for (const b of utf8(text)) out += String.fromCharCode(b);
      return out;
    }
  }
  return text;
}

const ESCAPES = { "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r" };

function escapeName(s) {
  return s.replace(/[\t\n\f\r, ]/g, (c) => ESCAPES[c] ?? `\\${c}`);
}

function escapeKey(s) {
  return s.replace(/[\t\n\f\r, =]/g, (c) => ESCAPES[c] ?? `\\${c}`);
}

/** The fields of a metric, each with its type. */
function withTypes({ fields, types }) {
  const out = {};
  for (const k of Object.keys(fields)) put(out, k, [fields[k], types[k]]);
  return out;
}

/** A value, or "" where there is no way to write it. */
function fieldText(value, type, uintSupport) {
  switch (type) {
    case "int":
      return `${value}i`;
    case "uint":
      return uintSupport ? `${value}u` : `${value < 1n << 63n ? value : (1n << 63n) - 1n}i`;
    case "bool":
      return String(value);
    case "string":
      return `"${bytesOf(value).replace(/["\\]/g, "\\$&")}"`;
    default:
      return floatText(value);
  }
}

/** The shortest digits that are exact, without exponent. */
function floatText(f) {
  if (!Number.isFinite(f)) return "";
  const sign = f < 0 || Object.is(f, -0) ? "-" : "";
  const [mantissa, exponent = "0"] = String(Math.abs(f)).split("e");
  const [whole, fraction = ""] = mantissa.split(".");
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`.replace(/^(-?0)\.0$/, "$1");
  if (point >= digits.length) return sign + digits + "0".repeat(point - digits.length);
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

let dictionary1 = null;

/** Dictionary version 1, 32,768 bytes. */
function dictionary() {
  dictionary1 ??= inflate(fromBase64(DICTIONARY_1, "the dictionary"), new Uint8Array(), 32768);
  return dictionary1;
}

// Dictionary version 1 as raw DEFLATE in base64. Generated: do not edit.
const DICTIONARY_1 = `
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
`;
