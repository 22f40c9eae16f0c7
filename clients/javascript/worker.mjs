// A Cloudflare worker: messages of the Hologram cloud go to InfluxDB.
//
// Its environment: HOLOGRAM_SECRET, INFLUX_URL (such as
// https://influx.example/api/v2/write?org=o&bucket=b) and INFLUX_TOKEN.

import { PayloadError, decodeEvent, lineProtocol } from "./hologram_payload.mjs";

export default {
  async fetch(request, env) {
    const secret = request.headers.get("x-hologram-secret") ?? "";
    if (!secret || !same(secret, env.HOLOGRAM_SECRET)) return new Response(null, { status: 401 });

    let event;
    try {
      event = decodeEvent(await request.text());
    } catch (e) {
      if (!(e instanceof PayloadError)) throw e;
      return new Response(e.message, { status: 422 }); // it will never work: see the event log
    }

    for (const metric of event.batch.metrics) metric.tags.hologram_device ??= String(event.deviceId);
    try {
      const answer = await fetch(env.INFLUX_URL, {
        method: "POST",
        headers: { authorization: `Token ${env.INFLUX_TOKEN}` },
        body: lineProtocol(event.batch.metrics),
      });
      return new Response(null, { status: answer.ok ? 204 : 503 });
    } catch {
      return new Response(null, { status: 503 });
    }
  },
};

/** Compares in a time that does not tell how much of the secret is right. */
function same(given, secret) {
  let difference = given.length ^ secret.length;
  for (let i = 0; i < secret.length; i++) difference |= given.charCodeAt(i) ^ secret.charCodeAt(i);
  return difference === 0;
}
