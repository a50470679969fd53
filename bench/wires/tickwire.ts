import {
  encodeFrame,
  PUBLISH_PATH,
  STREAM_PATH,
  SUBPROTOCOL_BINARY,
  SUBPROTOCOL_JSON,
} from '../../src/protocol/index.ts';
import { TickwirePublisher } from './tickwire-publisher.ts';
import { TickwireSubscriber } from './tickwire-subscriber.ts';
import type { Wire } from './wire.ts';

export interface TickwireWireOptions {
  /** Frames as JSON instead of MessagePack. */
  readonly json?: boolean;
  /** What subscribers ask for; the server's own setting where absent. */
  readonly conflateMs?: number;
  /** False for a server that neither greets nor acknowledges: publishers begin at once and never wait. */
  readonly hasWelcome?: boolean;
}

/**
 * Tickwire's own protocol. Both sides throw when the server refuses something: figures of a run with refusals would say
 * nothing.
 */
export function tickwireWire(options: TickwireWireOptions = {}): Wire {
  const { json = false, hasWelcome = true, conflateMs } = options;
  const encoding = json ? 'json' : 'binary';
  const subscribeOptions = { anomalies: true, ...(conflateMs === undefined ? {} : { conflateMs }) };
  return {
    publishPath: PUBLISH_PATH,
    streamPath: STREAM_PATH,
    protocol: json ? SUBPROTOCOL_JSON : SUBPROTOCOL_BINARY,
    publisher: ({ symbols }) => new TickwirePublisher(symbols, encoding, hasWelcome),
    subscriber: (market, symbols) => {
      const names = symbols.map((index) => market.symbols[index] as string);
      return new TickwireSubscriber(
        (frame) => encodeFrame(frame, encoding),
        names,
        subscribeOptions,
      );
    },
  };
}
