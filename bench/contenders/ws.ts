import { recordsWire } from '../wires/records.ts';
import type { Contender } from './contender.ts';
import { startOwnServer } from './own-server.ts';
import { versionsOf } from './package-version.ts';

/** The most used WebSocket package of Node. */
export const ws: Contender = {
  name: 'ws',
  description: 'one `send` of ready bytes an update and subscriber; nothing is computed',
  wire: recordsWire,
  kinds: new Set(['fan-out']),
  unavailable: async () => undefined,
  version: async () => versionsOf('ws'),
  start: () => startOwnServer('ws'),
};
