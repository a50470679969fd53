import { once } from 'node:events';
import { WebSocket } from 'ws';
import { CENTRIFUGO_PATH, centrifugoWire, greeting } from '../wires/centrifugo.ts';
import type { Contender } from './contender.ts';

const ANSWER_TIMEOUT_MS = 3000;

/** A Centrifugo instance started outside the benchmark. */
export interface RunningCentrifugo {
  /** Such as http://127.0.0.1:8000; the path is fixed by Centrifugo. */
  readonly url?: string | undefined;
  /** Process on this machine whose CPU time is measured. */
  readonly pid?: number | undefined;
}

/**
 * A running Centrifugo that allows anonymous clients and enough channels a session: set
 * CENTRIFUGO_CLIENT_INSECURE=true and CENTRIFUGO_CLIENT_CHANNEL_LIMIT=….
 *
 * Debian has no package of it: this driver was tested against a scripted server that follows the
 * published protocol, never against Centrifugo itself.
 */
export function centrifugo({ url, pid }: RunningCentrifugo): Contender {
  return {
    name: 'Centrifugo',
    description: 'passes ready bytes on by channel, in JSON; written in Go, on all processors',
    wire: centrifugoWire,
    kinds: new Set(['fan-out']),
    unavailable: () => reasonAgainst(url, pid),
    version: () => (url === undefined ? Promise.resolve('not running') : askVersion(url)),
    start: async () => {
      const reason = await reasonAgainst(url, pid);
      if (reason !== undefined || url === undefined || pid === undefined) throw new Error(reason);
      const { hostname, port } = new URL(url);
      return {
        host: hostname,
        port: Number(port) || 80,
        pid,
        processed: () => Promise.resolve(undefined),
        stop: () => Promise.resolve(),
      };
    },
  };
}

async function reasonAgainst(
  url: string | undefined,
  pid: number | undefined,
): Promise<string | undefined> {
  if (url === undefined) return 'no URL of a running Centrifugo was given (--centrifugo URL)';
  if (pid === undefined) return 'no process of Centrifugo was given (--centrifugo-pid PID)';
  if (!URL.canParse(url) || new URL(url).protocol !== 'http:') return `${url} is no http: URL`;
  if (!runs(pid)) return `no process ${pid} runs that could be Centrifugo`;
  try {
    await askVersion(url);
    return undefined;
  } catch (error) {
    return `no Centrifugo answers at ${url}: ${String(error)}`;
  }
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: the process runs as another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function askVersion(url: string): Promise<string> {
  const { host } = new URL(url);
  const socket = new WebSocket(`ws://${host}${CENTRIFUGO_PATH}`);
  try {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    await once(socket, 'open', { signal });
    socket.send(greeting.command);
    const [answer] = (await once(socket, 'message', { signal })) as [Buffer];
    return greeting.versionIn(answer.toString());
  } finally {
    // Errors after the time-out say nothing new.
    socket.on('error', () => undefined);
    socket.terminate();
  }
}
