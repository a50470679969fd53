import type { HttpRequest, HttpResponse } from '../gateway/transport/transport.ts';
import { jsonResponse } from './json.ts';
import { prefersCsv, varyOn } from './negotiation.ts';

type Value = string | number | boolean | null | undefined;

/** A row: the members of a JSON object. */
export type Row = Readonly<Record<string, Value>>;

const QUOTED = /[",\r\n]/;
/** What a spreadsheet takes for the begin of a formula, also in full width; and the mark itself. */
const FORMULA = /^[=+\-@\t\r'＝＋－＠]/;

/**
 * A table as CSV (RFC 4180): a header row, then values as JSON writes them, null as an empty field.
 *
 * Publishers choose symbols, and a symbol such as `=HYPERLINK(…)` must not run in a spreadsheet: a
 * text that begins like a formula gets a `'` before it, and so does a text that begins with one, so
 * that a reader can take it off again.
 */
export function formatCsv(columns: readonly string[], rows: Iterable<Row>): string {
  const lines = [columns.map(csvField).join(',')];
  for (const row of rows) lines.push(columns.map((column) => csvField(row[column])).join(','));
  return `${lines.join('\r\n')}\r\n`;
}

function csvField(value: Value): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'string') return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return QUOTED.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A page of a list. */
export interface Page {
  readonly items: readonly object[];
  /** `after` for the next page. */
  readonly next?: string | number | null;
}

/** Answers with a page in the client's format; CSV has the next page in the header `Link`. */
export function pageResponse(
  request: HttpRequest,
  columns: readonly string[],
  page: Page,
): HttpResponse {
  const { items, next } = page;
  const response = prefersCsv(request.header('accept'))
    ? csvResponse(
        columns,
        items as readonly Row[],
        next === undefined || next === null ? {} : nextLink(request, next),
      )
    : jsonResponse(200, page);
  return { ...response, headers: varyOn(response.headers, 'Accept') };
}

/** Answers with an object; in CSV, a row in which members of members are columns such as `a.b`. */
export function objectResponse(request: HttpRequest, document: object): HttpResponse {
  let response = jsonResponse(200, document);
  if (prefersCsv(request.header('accept'))) {
    const row = Object.fromEntries(flattened(document));
    response = csvResponse(Object.keys(row), [row], {});
  }
  return { ...response, headers: varyOn(response.headers, 'Accept') };
}

function* flattened(document: object, prefix = ''): Iterable<[string, Value]> {
  for (const [name, value] of Object.entries(document) as [string, object | Value][]) {
    if (typeof value === 'object' && value !== null) yield* flattened(value, `${prefix}${name}.`);
    else yield [`${prefix}${name}`, value];
  }
}

function csvResponse(
  columns: readonly string[],
  rows: readonly Row[],
  headers: HttpResponse['headers'],
): HttpResponse {
  return {
    status: 200,
    headers: { 'content-type': 'text/csv; charset=utf-8; header=present', ...headers },
    body: formatCsv(columns, rows),
  };
}

/** Relative to the request, so that it is right behind proxies that add a prefix. */
function nextLink({ query }: HttpRequest, next: string | number): HttpResponse['headers'] {
  const parameters = new URLSearchParams(query);
  parameters.set('after', String(next));
  return { link: `<?${parameters.toString()}>; rel="next"` };
}
