/** For answers that are no pages: nothing of them may run or load anything, or be shown in a frame. */
const NO_PAGE_POLICY = "default-src 'none'; frame-ancestors 'none'";

/** How long browsers may speak nothing but TLS to this host, s: a year. */
const STRICT_TRANSPORT_SECONDS = 31_536_000;

/**
 * What every HTTP answer tells browsers, also one to a refused upgrade or a broken request, unless it says otherwise itself: pages
 * have a policy of their own, and the SDK is for pages of any origin.
 *
 * @param isTls whether the server itself speaks TLS; where a proxy does so for it, the proxy says the rest
 */
export function securityHeaders(isTls: boolean): Readonly<Record<string, string>> {
  const headers = {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'x-frame-options': 'DENY',
    'content-security-policy': NO_PAGE_POLICY,
  };
  if (!isTls) return headers;
  return { ...headers, 'strict-transport-security': `max-age=${STRICT_TRANSPORT_SECONDS}` };
}
