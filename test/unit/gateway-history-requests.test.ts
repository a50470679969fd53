import { expect, it } from 'vitest';
import { ANONYMOUS } from '../../src/access/index.ts';
import { type Anomaly, RuleTable } from '../../src/engine/index.ts';
import { ANOMALY_KIND } from '../../src/gateway/fanout/record-kinds.ts';
import type { LoggedPage } from '../../src/gateway/fanout/record-log.ts';
import { RuleAnnouncements } from '../../src/gateway/fanout/rule-announcements.ts';
import { UNWATCHED } from '../../src/gateway/index.ts';
import { Client } from '../../src/gateway/sessions/client.ts';
import type { Connection } from '../../src/gateway/sessions/connection.ts';
import { HistoryRequests } from '../../src/gateway/sessions/history-requests.ts';
import { ErrorCode, type Frame, Op, ProtocolError } from '../../src/protocol/index.ts';
import { CallRefusedError } from '../../src/threads/call-queue.ts';

const RETRY_MS = 100;

/** A session whose pages come when the test says so. */
class Rig {
  readonly sent: Frame[] = [];
  readonly refused: [code: number, retryMs: number | null | undefined][] = [];
  readonly faults: unknown[] = [];
  readonly #connection: { isOpen: boolean };
  /** Those that wait for the store. */
  readonly pages: {
    readonly isWanted: () => boolean;
    readonly resolve: (page: LoggedPage<Anomaly>) => void;
    readonly reject: (error: Error) => void;
  }[] = [];
  readonly #requests: HistoryRequests;

  constructor() {
    const connection = {
      client: new Client(ANONYMOUS, '127.0.0.1'),
      isOpen: true,
      send: (frame: Frame) => this.sent.push(frame),
      refuse: (error: ProtocolError, retryMs?: number | null) => {
        this.refused.push([error.code, retryMs]);
      },
    };
    this.#connection = connection;
    const anomalies = {
      page: (_symbolId: number, _range: object, isWanted: () => boolean) =>
        new Promise((resolve, reject) => this.pages.push({ isWanted, resolve, reject })),
    };
    const context = {
      anomalies: { ...anomalies, kind: ANOMALY_KIND },
      engine: { symbols: { findName: () => 0 } },
      fault: (error: unknown) => this.faults.push(error),
      security: UNWATCHED,
    };
    this.#requests = new HistoryRequests(
      connection as unknown as Connection,
      new RuleAnnouncements(connection, new RuleTable()),
      context as unknown as ConstructorParameters<typeof HistoryRequests>[2],
      RETRY_MS,
    );
  }

  closeConnection(): void {
    this.#connection.isOpen = false;
  }

  ask(requestId: number): void {
    this.#requests.answer({ op: Op.HISTORY, requestId, symbol: 'A', afterSequence: 0, limit: 10 });
  }
}

const EMPTY: LoggedPage<Anomaly> = { first: 1, last: 0, items: [] };
const turn = () => new Promise(setImmediate);

it('a session may have 16 pages waiting; each that is answered lets another wait', async () => {
  const rig = new Rig();
  for (let id = 1; id <= 16; id++) rig.ask(id);
  const refusal = () => {
    try {
      rig.ask(17);
      return undefined;
    } catch (error) {
      return error instanceof ProtocolError ? error.code : error;
    }
  };
  expect(refusal()).toBe(ErrorCode.rate_limited);
  rig.pages[3]?.resolve(EMPTY);
  await turn();
  expect(rig.sent).toEqual([[Op.HISTORY_PAGE, 4, 'A', [], false]]);
  expect(refusal()).toBeUndefined();
  expect(rig.pages).toHaveLength(17);
  rig.closeConnection();
  expect(rig.pages.at(-1)?.isWanted()).toBe(false);
});

it('a page that the store refuses may be asked for again; one that is gone may not', async () => {
  const rig = new Rig();
  for (let id = 1; id <= 3; id++) rig.ask(id);
  rig.pages[0]?.reject(new CallRefusedError('256 calls wait already'));
  rig.pages[1]?.resolve({ first: 5, last: 9, items: [] });
  rig.pages[2]?.reject(new TypeError('a bug'));
  await turn();
  expect(rig.refused).toEqual([
    [ErrorCode.rate_limited, RETRY_MS],
    [ErrorCode.not_available, undefined],
  ]);
  expect(rig.faults).toEqual([new TypeError('a bug')]);
  expect(rig.sent).toEqual([]);
});
