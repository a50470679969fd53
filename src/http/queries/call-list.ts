import { createHash } from 'node:crypto';
import { listOperations } from '../api-docs/openapi-operations.ts';
import type { Handler } from '../context.ts';

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:52em;margin:2em auto;padding:0 1em}' +
  'td{padding:.15em 1.5em .15em 0;vertical-align:top}code{font-size:.95em}';

const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Calls that are refused without a query. */
const NEEDS_QUERY: ReadonlySet<string> = new Set(['/api/stream']);

const SOCKETS = [
  ['/v1/publish', 'Publish ticks'],
  ['/v1/stream', 'Subscribe to statistics and anomalies'],
] as const;

/** `GET /api`: a page for people that lists every call. */
export function callList(version: string): Handler {
  const body = pageText(version);
  return () => ({
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': POLICY },
    body,
  });
}

function pageText(version: string): string {
  const calls = listOperations().map(({ method, path, operation }) =>
    row(`${method} ${linked(method, path)}`, operation.summary),
  );
  const sockets = SOCKETS.map(([path, summary]) => row(`WebSocket ${path}`, summary));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Tickwire</title>
<style>${STYLE}</style>
<h1>Tickwire ${escapeHtml(version)}</h1>
<table>
${[...sockets, ...calls].join('\n')}
</table>
</html>
`;
}

/** A path that a browser can open becomes a link, relative: a proxy may add a prefix. */
function linked(method: string, path: string): string {
  const isOpen = method === 'GET' && !path.includes('{') && !NEEDS_QUERY.has(path);
  return isOpen ? `<a href=".${path}">${path}</a>` : path;
}

function row(call: string, summary: string): string {
  return `<tr><td><code>${call}</code></td><td>${escapeHtml(summary)}</td></tr>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
