import { createHmac } from "node:crypto";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const PERIOD_MS = 30_000;

/** The code of an authenticator app for a secret: RFC 6238 with SHA-1, 30 seconds and six digits. */
export function totp(secret: string, at = Date.now()): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / PERIOD_MS)));
  const hash = createHmac("sha1", fromBase32(secret)).update(counter).digest();
  const offset = (hash.at(-1) ?? 0) & 0xf;
  const number = hash.readUInt32BE(offset) & 0x7fff_ffff;
  return String(number % 1_000_000).padStart(6, "0");
}

/** A code that is not valid now, nor two periods earlier or later. */
export function wrongTotp(secret: string): string {
  const shown = [-2, -1, 0, 1, 2].map((periods) => totp(secret, Date.now() + periods * PERIOD_MS));
  const candidates = Array.from({ length: shown.length + 1 }, (_, digit) => String(digit).repeat(6));
  return candidates.find((code) => !shown.includes(code)) ?? "";
}

function fromBase32(text: string): Buffer {
  const bits = [...text].map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const bytes = bits.match(/.{8}/g) ?? [];
  return Buffer.from(bytes.map((byte) => Number.parseInt(byte, 2)));
}
