import { tickwireWire } from '../wires/tickwire.ts';
import type { Wire } from '../wires/wire.ts';
import type { Contender } from './contender.ts';
import { startOwnServer, withoutUws } from './own-server.ts';
import { versionsOf } from './package-version.ts';

const wire = tickwireWire({ hasWelcome: false });

/** Publishers declare no aliases: every message that is counted holds ticks. */
const ticksOnly: Wire = { ...wire, publisher: () => wire.publisher({ symbols: [] }) };

/** The floor of ingest. */
export const counter: Contender = {
  name: 'counter (uWebSockets.js)',
  description:
    "counts messages and does not look inside; takes the very bytes of Tickwire's publishers",
  wire: ticksOnly,
  kinds: new Set(['ingest']),
  unavailable: withoutUws,
  version: async () => versionsOf('uWebSockets.js'),
  start: () => startOwnServer('counter'),
};
