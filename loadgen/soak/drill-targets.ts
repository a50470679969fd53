import type { Random } from '../../testkit/random.ts';
import type { TcpProxy } from '../../testkit/tcp-proxy.ts';
import type { Crowd } from './crowd.ts';
import type { DurableServer } from './durable-server.ts';
import type { HttpLoad } from './http-load.ts';
import type { PublisherHost } from './publisher-host.ts';
import type { ServerApi } from './server-api.ts';
import type { ServerWatch } from './server-watch.ts';

/** What drills are done to. */
export interface DrillTargets {
  readonly server: DurableServer;
  readonly api: ServerApi;
  readonly watch: ServerWatch;
  readonly publishers: readonly PublisherHost[];
  readonly crowd: Crowd;
  readonly proxy: TcpProxy;
  readonly http: HttpLoad;
  readonly random: Random;
  readonly snapshotIntervalMs: number;
  /** The longest that a planned stop may take, ms. */
  readonly stopMsMax: number;
  /** How old, at the most, an acknowledgement may be that a killed server takes back, ms. */
  readonly lostMsMax: number;
  /** Whether anomalies may be told before they are on disk. */
  readonly isAsync: boolean;
  readonly violate: (message: string) => void;
}

/** How a drill takes the server away and brings it back. */
export interface TakeAwayOptions {
  /** Done while it is away. */
  readonly meanwhile?: () => Promise<void>;
  /** For how long no snapshot could be saved before: so much more may be lost, ms. */
  readonly unsavedMs?: number;
}

/** What a drill of faults/ is given beside the targets. */
export interface DrillContext extends DrillTargets {
  /** Whether the server must stay. */
  readonly isServerSpared: boolean;
  readonly takeAway: (kind: 'restart' | 'kill', options?: TakeAwayOptions) => Promise<void>;
}

/**
 * Notes which publishers and watching subscribers have a session now. The result names those that
 * have opened another since.
 */
export function watchSessions({ publishers, crowd }: DrillTargets): () => readonly string[] {
  const live = [...publishers, ...crowd.watches]
    .filter(({ isLive }) => isLive)
    .map((client) => ({ client, sessions: client.sessions }));
  return () =>
    live.flatMap(({ client, sessions }) => (client.sessions > sessions ? [client.name] : []));
}
