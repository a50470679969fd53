import { natsWire } from '../wires/nats.ts';
import { reasonAgainst, startConfigured, versionOf } from './configured-server.ts';
import type { Contender } from './contender.ts';

const QUESTION = {
  name: 'nats-server',
  flag: '--version',
  version: /nats-server: v(\S+)/,
} as const;

/** The NATS server's own WebSocket listener. */
export const nats: Contender = {
  name: 'NATS',
  description: 'passes ready bytes on by subject; written in Go, on all processors',
  wire: natsWire,
  kinds: new Set(['fan-out']),
  unavailable: () => reasonAgainst(QUESTION),
  version: () => versionOf(QUESTION),
  start: () => startConfigured({ question: QUESTION, configFlag: '--config', config }),
};

/**
 * Its listener for plain TCP cannot be turned off: it gets a port that nobody is told. A subscriber counts as too slow
 * later than by default (64 MB pending, 10 s to write), so that a moment without processor time ends no run.
 */
function config(port: number): string {
  return `
    host: "127.0.0.1"
    port: -1
    websocket {
      host: "127.0.0.1"
      port: ${port}
      no_tls: true
      compression: false
    }
    max_pending: 268435456
    write_deadline: "30s"
    max_connections: 100000
    max_subscriptions: 0
  `;
}
