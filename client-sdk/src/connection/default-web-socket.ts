import type { WebSocketConstructor } from './socket.ts';

/** In a variable, so that no bundler looks for a package that only Node before version 22 needs. */
const WS_PACKAGE = 'ws';

/**
 * The platform's own WebSocket where it has one, else that of the `ws` package.
 *
 * @throws Error where there is neither
 */
export async function defaultWebSocket(): Promise<WebSocketConstructor> {
  const platform = globalThis as { readonly WebSocket?: unknown };
  if (platform.WebSocket !== undefined) return platform.WebSocket as WebSocketConstructor;
  try {
    const { WebSocket } = await import(/* @vite-ignore */ WS_PACKAGE);
    return WebSocket as WebSocketConstructor;
  } catch (cause) {
    const message =
      'this platform has no WebSocket: install the package ws, or pass options.WebSocket';
    throw new Error(message, { cause });
  }
}
