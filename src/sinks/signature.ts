import { createHmac } from 'node:crypto';

/** The header that proves a request, and when it was made. */
export const SIGNATURE_HEADER = 'x-tickwire-signature';

/**
 * `t=SECONDS,v1=HEX`: HMAC-SHA256, with the secret as UTF-8, over the seconds since the epoch in
 * decimal, a full stop and the bytes of the body. The time is signed, so that receivers can refuse
 * what somebody recorded and sends again.
 *
 * @param nowMs time of the attempt, ms since the epoch
 */
export function sign(secret: string, body: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000);
  const mac = createHmac('sha256', secret).update(`${seconds}.${body}`, 'utf8').digest('hex');
  return `t=${seconds},v1=${mac}`;
}
