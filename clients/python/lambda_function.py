"""An AWS Lambda function behind a function URL: messages of the Hologram cloud go to InfluxDB.

Its environment: HOLOGRAM_SECRET, INFLUX_URL (such as
https://influx.example/api/v2/write?org=o&bucket=b) and INFLUX_TOKEN.
"""

import base64
import hmac
import os
import urllib.error
import urllib.request

import hologram_payload


def lambda_handler(request, context):
    secret = request["headers"].get("x-hologram-secret", "")
    if not secret or not hmac.compare_digest(secret.encode(), os.environ["HOLOGRAM_SECRET"].encode()):
        return {"statusCode": 401}

    body = request.get("body") or ""
    if request.get("isBase64Encoded"):
        body = base64.b64decode(body)
    try:
        event = hologram_payload.decode_event(body)
    except hologram_payload.PayloadError as e:
        return {"statusCode": 422, "body": str(e)}  # it will never work: see the event log

    for metric in event.batch.metrics:
        metric.tags.setdefault("hologram_device", str(event.device_id))
    write = urllib.request.Request(
        os.environ["INFLUX_URL"],
        data=hologram_payload.line_protocol(event.batch.metrics),
        headers={"Authorization": "Token " + os.environ["INFLUX_TOKEN"]},
    )
    try:
        with urllib.request.urlopen(write, timeout=10):
            return {"statusCode": 204}
    except (urllib.error.URLError, TimeoutError):
        return {"statusCode": 503}
