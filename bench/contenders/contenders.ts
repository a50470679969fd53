import type { Contender } from './contender.ts';
import { centrifugo, mosquitto, nats } from './installed-servers.ts';
import { ceiling, counter, inline, inlineHeardOnly, relay, socketIo, ws } from './node-servers.ts';
import { tickwire, tickwireConflated, tickwireJson, tickwireStored } from './tickwire.ts';

/** All contenders by command-line key, in table order. */
export const CONTENDERS = {
  tickwire,
  'tickwire-json': tickwireJson,
  'tickwire-conflated': tickwireConflated,
  'tickwire-stored': tickwireStored,
  inline,
  'inline-heard-only': inlineHeardOnly,
  ceiling,
  relay,
  counter,
  ws,
  'socket.io': socketIo,
  nats,
  mosquitto,
  centrifugo,
} as const satisfies Record<string, Contender>;

export type ContenderKey = keyof typeof CONTENDERS;

export const CONTENDER_KEYS = Object.keys(CONTENDERS) as readonly ContenderKey[];
