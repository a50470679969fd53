import { tickwireWire } from '../wires/tickwire.ts';
import type { Contender } from './contender.ts';
import { startOwnServer, withoutUws } from './own-server.ts';
import { versionsOf } from './package-version.ts';

/** The honest baseline: a script of one thread. */
export const inline: Contender = {
  name: 'inline (uWebSockets.js + msgpackr)',
  description:
    'one thread: decodes, keeps the same statistics in plain objects, publishes each tick natively',
  wire: tickwireWire({ hasWelcome: false }),
  kinds: new Set(['ingest', 'fan-out']),
  unavailable: withoutUws,
  version: async () => versionsOf('uWebSockets.js', 'msgpackr'),
  start: () => startOwnServer('inline'),
};

/** The same, sparing itself what nobody would hear: what remains is decoding and arithmetic. */
export const inlineHeardOnly: Contender = {
  ...inline,
  name: 'inline, heard only',
  description: 'the same, but publishes only symbols that somebody is subscribed to',
  kinds: new Set(['ingest']),
  start: () => startOwnServer('inline', ['heard-only']),
};
