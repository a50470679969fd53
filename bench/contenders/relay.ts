import { recordsWire } from '../wires/records.ts';
import type { Contender } from './contender.ts';
import { startOwnServer, withoutUws } from './own-server.ts';
import { versionsOf } from './package-version.ts';

/** The least that a server which batches can do: what delivery latency is held against. */
export const relay: Contender = {
  name: 'relay (uWebSockets.js)',
  description:
    'what one message of a publisher holds for a session goes on as one message, at once; nothing is computed',
  wire: recordsWire,
  kinds: new Set(['fan-out']),
  unavailable: withoutUws,
  version: async () => versionsOf('uWebSockets.js'),
  start: () => startOwnServer('relay'),
};
