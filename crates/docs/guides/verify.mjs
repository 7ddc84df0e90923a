import { createHmac, timingSafeEqual } from "node:crypto";

/** Returns whether Reef has signed `body`, the raw bytes as a Buffer, within the last five minutes. */
export function verify(secret, headers, body, now = Date.now() / 1000) {
  const sentAt = headers["webhook-timestamp"];
  if (!(Math.abs(now - Number(sentAt)) <= 300)) return false;
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const hmac = createHmac("sha256", key).update(`${headers["webhook-id"]}.${sentAt}.`).update(body);
  const expected = Buffer.from(`v1,${hmac.digest("base64")}`);
  return headers["webhook-signature"].split(" ").some((one) => {
    const given = Buffer.from(one);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}
