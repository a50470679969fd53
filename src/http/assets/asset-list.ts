/** A file of the build that browsers may load. */
export interface AssetSource {
  /** Under the folder of the build. */
  readonly file: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** All that the page needs is of this server; a WebSocket to it counts as that too. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': PAGE_POLICY,
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};
const SCRIPT = { 'content-type': 'text/javascript; charset=utf-8' };
const STYLE = { 'content-type': 'text/css; charset=utf-8' };
const SOURCE_MAP = { 'content-type': 'application/json' };
const IMAGE = { 'content-type': 'image/svg+xml' };

/** Only for our own page. */
const OWN = { 'cross-origin-resource-policy': 'same-origin' };
/** For any page, whoever serves it. */
const ANYONE = {
  'cross-origin-resource-policy': 'cross-origin',
  'access-control-allow-origin': '*',
};

/** What is served from the folder of the build, by path. */
export const ASSETS: Readonly<Record<string, AssetSource>> = {
  '/': { file: 'index.html', headers: { ...PAGE, ...OWN } },
  '/dashboard.js': { file: 'dashboard.js', headers: { ...SCRIPT, ...OWN } },
  '/dashboard.js.map': { file: 'dashboard.js.map', headers: { ...SOURCE_MAP, ...OWN } },
  '/dashboard.css': { file: 'dashboard.css', headers: { ...STYLE, ...OWN } },
  '/dashboard.css.map': { file: 'dashboard.css.map', headers: { ...SOURCE_MAP, ...OWN } },
  '/favicon.svg': { file: 'favicon.svg', headers: { ...IMAGE, ...OWN } },
  '/sdk/tickwire.js': { file: 'sdk/tickwire.js', headers: { ...SCRIPT, ...ANYONE } },
  '/sdk/tickwire.js.map': { file: 'sdk/tickwire.js.map', headers: { ...SOURCE_MAP, ...ANYONE } },
};
