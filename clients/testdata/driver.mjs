// Decodes for the test in Go: a line of JSON {"text": base64} in, a line of JSON out.

import { createInterface } from "node:readline";

import * as payload from "../javascript/hologram_payload.mjs";

const raw = (s) => Buffer.from(payload.utf8(s)).toString("hex");
const sorted = (object) => Object.keys(object).sort((a, b) => Buffer.compare(payload.utf8(a), payload.utf8(b)));

function field(v, type) {
  if (type === "string") return [type, raw(v)];
  if (type !== "float") return [type, String(v)];
  const bits = Buffer.alloc(8);
  bits.writeDoubleBE(v);
  return [type, Number.isNaN(v) ? "NaN" : bits.toString("hex")];
}

for await (const line of createInterface({ input: process.stdin })) {
  const data = Buffer.from(JSON.parse(line).text, "base64");
  let answer;
  try {
    const batch = payload.decode(data.every((b) => b < 0x80) ? data.toString("latin1") : data);
    const metrics = batch.metrics.map((m) => ({
      name: raw(m.name),
      tags: sorted(m.tags).map((k) => [raw(k), raw(m.tags[k])]),
      fields: sorted(m.fields).map((k) => [raw(k), ...field(m.fields[k], m.types[k])]),
      time: String(m.timeNs),
    }));
    const lines = Buffer.from(payload.lineProtocol(batch.metrics)).toString("hex");
    answer = { sequence: batch.sequence, checksum: batch.checksum, metrics, lines };
  } catch (e) {
    if (!(e instanceof payload.PayloadError)) throw e;
    answer = { error: e.name };
  }
  answer.rss = process.resourceUsage().maxRSS;
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
