/** How long a peer may take to answer a close, or to take what was sent before it, ms. */
export const CLOSE_TIMEOUT_MS = 2000;

/** A close frame holds 125 bytes, two of them the code. */
const REASON_BYTES_MAX = 123;

/** The reason cut to what a close frame holds, never inside a character. */
export function closeReason(reason: string): string {
  if (Buffer.byteLength(reason) <= REASON_BYTES_MAX) return reason;
  let bytes = 0;
  let kept = '';
  for (const character of reason) {
    bytes += Buffer.byteLength(character);
    if (bytes > REASON_BYTES_MAX) break;
    kept += character;
  }
  return kept;
}
