import { loadUws } from '../../src/gateway/transport/uws-loader.ts';
import { ChildServer } from './child-server.ts';
import type { RunningContender } from './contender.ts';

/** Starts a program of bench/servers, all of which tell at `/processed` what they processed. */
export async function startOwnServer(
  name: string,
  args: readonly string[] = [],
): Promise<RunningContender> {
  const server = await ChildServer.startOwn(name, args);
  const { host, port, pid } = server;
  return {
    host,
    port,
    pid,
    processed: async () => {
      const response = await fetch(`http://${host}:${port}/processed`);
      return Number(await response.text());
    },
    stop: () => server.stop(),
  };
}

/** Why uWebSockets.js does not run here; undefined when it does. */
export async function withoutUws(): Promise<string | undefined> {
  const load = loadUws();
  return load.loaded ? undefined : `uWebSockets.js: ${load.reasons.join('; ')}`;
}
