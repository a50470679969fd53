/** The part of a browser that tells when a page is looked at, or a network is there, again. */
interface EventSource {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

interface Page extends EventSource {
  readonly document?: EventSource & { readonly visibilityState: string };
}

/**
 * Calls back when waiting any longer may be pointless: the page became visible, came back from the
 * browser's cache, or the network returned. Timers may have slept meanwhile. Never calls outside
 * browsers.
 *
 * @returns ends it
 */
export function onWake(wake: () => void): () => void {
  const page = globalThis as Page;
  const { document } = page;
  const visibilityChanged = () => {
    if (document?.visibilityState === 'visible') wake();
  };
  page.addEventListener?.('online', wake);
  page.addEventListener?.('pageshow', wake);
  document?.addEventListener?.('visibilitychange', visibilityChanged);
  return () => {
    page.removeEventListener?.('online', wake);
    page.removeEventListener?.('pageshow', wake);
    document?.removeEventListener?.('visibilitychange', visibilityChanged);
  };
}
