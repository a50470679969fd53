interface Weighted {
  /** In lower case, with its parameters. */
  readonly name: string;
  readonly weight: number;
}

/** The entries of an `Accept` or `Accept-Encoding` header. */
function entriesOf(header: string | undefined): readonly Weighted[] {
  return (header ?? '').split(',').map((item) => {
    const parts = item.split(';').map((part) => part.trim().toLowerCase());
    const weight = parts.find((part) => part.startsWith('q='))?.slice(2) ?? '1';
    const name = parts.filter((part) => !part.startsWith('q=')).join(';');
    return { name, weight: Number(weight) };
  });
}

/** Whether an `Accept-Encoding` takes gzip. */
export function acceptsGzip(header: string | undefined): boolean {
  let others = 0;
  for (const { name, weight } of entriesOf(header)) {
    if (name === 'gzip') return weight > 0;
    if (name === '*') others = weight;
  }
  return others > 0;
}

/** Whether an `Accept` names `text/csv`, and JSON with less weight or not at all. */
export function prefersCsv(header: string | undefined): boolean {
  let csv = 0;
  let json = 0;
  for (const { name, weight } of entriesOf(header)) {
    const [type] = name.split(';', 1);
    if (type === 'text/csv') csv = weight;
    if (type === 'application/json') json = weight;
  }
  return csv > 0 && csv > json;
}

/** Whether an `Accept` names `text/event-stream`, as that of EventSource does. */
export function prefersEvents(header: string | undefined): boolean {
  return entriesOf(header).some(
    ({ name, weight }) => name.split(';', 1)[0] === 'text/event-stream' && weight > 0,
  );
}

/** The headers with one more request header that the answer depends on. */
export function varyOn(
  headers: Readonly<Record<string, string>>,
  name: string,
): Readonly<Record<string, string>> {
  const { vary } = headers;
  if (vary?.split(', ').includes(name) === true) return headers;
  return { ...headers, vary: vary === undefined ? name : `${vary}, ${name}` };
}
