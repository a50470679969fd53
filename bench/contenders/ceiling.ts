import { recordsWire } from '../wires/records.ts';
import type { Contender } from './contender.ts';
import { startOwnServer, withoutUws } from './own-server.ts';
import { versionsOf } from './package-version.ts';

/** What uWebSockets.js itself can do. */
export const ceiling: Contender = {
  name: 'ceiling (uWebSockets.js)',
  description: 'native publish of ready bytes, one message an update; nothing is computed',
  wire: recordsWire,
  kinds: new Set(['fan-out']),
  unavailable: withoutUws,
  version: async () => versionsOf('uWebSockets.js'),
  start: () => startOwnServer('ceiling'),
};
