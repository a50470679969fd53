const CODING = /^\s*([^\s;]+)\s*(?:;\s*q=([\d.]+))?\s*$/i;

/** Whether an `Accept-Encoding` takes gzip. */
export function acceptsGzip(header: string | undefined): boolean {
  let others = 0;
  for (const item of (header ?? '').split(',')) {
    const [, coding = '', weight = '1'] = CODING.exec(item) ?? [];
    if (coding.toLowerCase() === 'gzip') return Number(weight) > 0;
    if (coding === '*') others = Number(weight);
  }
  return others > 0;
}

/** Whether an `If-None-Match` names a strong tag. */
export function matchesTag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((item) => {
    const tag = item.trim();
    // Proxies that change the coding make a tag weak; for this question that is no matter.
    return tag === '*' || tag === etag || tag === `W/${etag}`;
  });
}
