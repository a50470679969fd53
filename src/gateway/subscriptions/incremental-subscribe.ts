import type { SubscribeOptions } from '../../protocol/index.ts';
import type { GatewayContext } from '../context.ts';
import type { Connection } from '../sessions/connection.ts';
import { reconcile, type SubscribedSession } from './reconcile.ts';
import type { RecordsSince } from './subscription-columns.ts';
import type { Wildcard } from './wildcards.ts';

/** Symbols that one step compares with one pattern, and comparisons with several. */
const SYMBOLS_PER_STEP = 65_536;
const COMPARISONS_PER_STEP = 8192;

/** What a request says of the records that its client has. */
type Since = Pick<SubscribeOptions, 'since' | 'alertsSince'>;

interface IncrementalSession extends SubscribedSession {
  readonly connection: Connection;
}

/**
 * Subscribes a session to the symbols that new patterns match, in steps if there are many. Each
 * symbol is subscribed to within one step, so no change can fall between its full entry and the
 * marks of later changes. Symbols that appear meanwhile are reconciled on their own.
 */
export class IncrementalSubscribe {
  readonly #session: IncrementalSession;
  readonly #context: Pick<GatewayContext, 'background' | 'engine'>;
  #stepsLeft = 0;
  #whenDone: (() => void)[] = [];

  constructor(session: IncrementalSession, context: Pick<GatewayContext, 'background' | 'engine'>) {
    this.#session = session;
    this.#context = context;
  }

  /** Whether the session is subscribed to every symbol that its patterns match. */
  get isDone(): boolean {
    return this.#stepsLeft === 0;
  }

  /** Subscribes to exact symbols at once, and to those that the wildcards match. */
  start(subscriptions: readonly number[], wildcards: readonly Wildcard[], since: Since): void {
    const { columns } = this.#session.sender.subscriptions;
    for (const subscription of subscriptions) {
      this.#subscribe(columns.symbolIds[subscription] as number, subscription, since);
    }
    this.#step(0, this.#context.engine.symbols.names.length, wildcards, since);
  }

  /** Calls back when everything is subscribed to; never if the session closes before. */
  afterwards(then: () => void): void {
    this.#whenDone.push(then);
  }

  #step(from: number, end: number, wildcards: readonly Wildcard[], since: Since): void {
    const { patterns, sender } = this.#session;
    const symbols =
      wildcards.length > 1 ? Math.ceil(COMPARISONS_PER_STEP / wildcards.length) : SYMBOLS_PER_STEP;
    const to = Math.min(end, from + symbols);
    for (const symbolId of patterns.matching(wildcards, from, to)) {
      this.#subscribe(symbolId, sender.subscriptions.find(symbolId), since);
    }
    sender.flush();
    if (to < end && wildcards.length > 0) {
      this.#later(() => this.#step(to, end, wildcards, since));
    }
  }

  #subscribe(symbolId: number, subscription: number, since: Since): void {
    const { engine } = this.#context;
    const { connection, patterns, sender } = this.#session;
    const symbol =
      symbolId < 0
        ? patterns.symbolOf(subscription)
        : connection.client.nameSpace.symbolOf(engine.symbols.name(symbolId));
    const after: RecordsSince = {
      anomalies: since.since?.get(symbol),
      alerts: since.alertsSince?.get(symbol),
    };
    // The symbol may have been retired: what it raised is sent when it returns.
    if (symbolId < 0) sender.setPendingCursors(subscription, after);
    reconcile(this.#session, symbolId, subscription, true, after);
  }

  #later(step: () => void): void {
    const { connection } = this.#session;
    this.#stepsLeft++;
    this.#context.background.add(() => {
      this.#stepsLeft--;
      if (!connection.isOpen) return;
      try {
        step();
      } catch (error) {
        // A session with half of its subscriptions would never be in sync.
        connection.close(1011, 'internal error');
        throw error;
      }
      if (!this.isDone) return;
      for (const then of this.#whenDone.splice(0)) then();
    });
  }
}
