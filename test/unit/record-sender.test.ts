import { expect, it } from 'vitest';
import { sendAnomalies } from '../../src/gateway/fanout/record-sender.ts';

const SYMBOLS = 600;

type Given = Parameters<typeof sendAnomalies>;

/** A session on an HTTP answer that waits for two anomalies of each symbol, raised in turns. */
function waiting() {
  const cursors = new Float64Array(SYMBOLS);
  let taken = 0;
  const subscriptions = {
    columns: { symbolIds: Int32Array.from(cursors.keys()), lastOf: () => cursors },
    pendingOf: () => SYMBOLS - taken,
    takeRecords: () => taken++,
    markNamed: () => false,
  } as unknown as Given[0];
  const log = {
    last: () => 2,
    toSend: (symbolId: number) =>
      [0, 1].map((turn) => ({
        record: { symbol: `S${symbolId}` },
        ordinal: turn * SYMBOLS + symbolId,
      })),
  };
  const ids: number[] = [];
  const connection = {
    client: { nameSpace: { symbolOf: (name: string) => name } },
    events: { anomaly: (_symbol: string, _anomaly: object, ordinal: number) => ids.push(ordinal) },
    sendEncoded: () => undefined,
  } as unknown as Given[1];
  const context = { anomalies: log, counters: { anomaliesOut: 0 } } as unknown as Given[2];
  return {
    ids,
    send: () => sendAnomalies(subscriptions, connection, context),
  };
}

it('gives an event an id only where nothing older may follow', () => {
  const { ids, send } = waiting();
  send();
  // Of the symbols that did not fit, the first anomalies are older than most of these.
  expect(ids).toHaveLength(1000);
  expect(new Set(ids)).toEqual(new Set([-1]));
  send();
  const last = ids.slice(1000);
  expect(last).toHaveLength(2 * SYMBOLS - 1000);
  expect(last).toEqual([...last].sort((a, b) => a - b));
  expect(last[0]).toBe(500);
});
