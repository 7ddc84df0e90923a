import base64
import hashlib
import hmac
import time


def verify(secret, headers, body, now=None):
    """Return whether Reef has signed `body`, the raw bytes, within the last five minutes."""
    sent_at = headers.get("webhook-timestamp", "")
    if not sent_at.isdigit() or abs((now or time.time()) - int(sent_at)) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{sent_at}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    signatures = headers["webhook-signature"].split(" ")
    return any(hmac.compare_digest(b"v1," + expected, one.encode()) for one in signatures)
