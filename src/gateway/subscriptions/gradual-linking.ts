import type { NameSpace, SymbolTable } from '../../engine/index.ts';
import { isWildcard, type SubscribeOptions } from '../../protocol/index.ts';
import type { SessionSender } from '../fanout/session-sender.ts';
import type { BackgroundTasks } from '../limits/background-tasks.ts';
import type { Connection } from '../sessions/connection.ts';
import type { HeldPatterns } from './held-patterns.ts';
import { NOT_HELD } from './wants.ts';

/** Symbols held against patterns with a `*` in one step: of one pattern all there are by default, of several fewer. */
const SYMBOLS_PER_STEP = 65_536;
const LOOKS_PER_STEP = 8192;

/** What it links, and for whom. */
export interface GradualLinkingOptions {
  readonly connection: Connection;
  readonly delivery: SessionSender;
  readonly patterns: HeldPatterns;
  readonly symbols: Pick<SymbolTable, 'names'>;
  readonly nameSpace: NameSpace;
  readonly work: BackgroundTasks;
}

/**
 * Links a session to the symbols that its new patterns match. Where that takes long, in steps: a symbol is linked in one step,
 * so nothing of it can change between its full entry and the mark of what comes after; and those that come to exist meanwhile
 * are told of by themselves.
 */
export class GradualLinking {
  readonly #options: GradualLinkingOptions;
  /** Steps that are still to come. */
  #stepsLeft = 0;
  #whenDone: (() => void)[] = [];

  constructor(options: GradualLinkingOptions) {
    this.#options = options;
  }

  /** Whether every symbol that is matched is linked. */
  get isDone(): boolean {
    return this.#stepsLeft === 0;
  }

  link(patterns: readonly string[], since: SubscribeOptions['since']): void {
    this.#linkFrom(0, this.#options.symbols.names.length, patterns, since);
  }

  /** Has something done once all is linked; not at all when the session ends before. */
  afterwards(then: () => void): void {
    this.#whenDone.push(then);
  }

  #linkFrom(
    from: number,
    end: number,
    patterns: readonly string[],
    since: SubscribeOptions['since'],
  ): void {
    const { delivery, nameSpace, patterns: held } = this.#options;
    const wildcards = patterns.filter(isWildcard);
    const isCostly = wildcards.length > 1;
    const step = isCostly ? Math.ceil(LOOKS_PER_STEP / wildcards.length) : SYMBOLS_PER_STEP;
    const to = Math.min(end, from + step);
    for (const [symbolId, name] of held.matching(patterns, from, to)) {
      const wants = held.wantsOf(symbolId, name);
      // Its pattern may be let go of before its turn comes.
      if (wants === NOT_HELD) continue;
      delivery.link(symbolId, wants, true, since?.get(nameSpace.symbolOf(name)));
    }
    delivery.flush();
    if (to < end && wildcards.length > 0)
      this.#goOn(() => this.#linkFrom(to, end, wildcards, since));
  }

  #goOn(step: () => void): void {
    const { connection, work } = this.#options;
    this.#stepsLeft++;
    work.add(() => {
      this.#stepsLeft--;
      if (!connection.isOpen) return;
      try {
        step();
      } catch (error) {
        // What is half linked would never be in sync.
        connection.close(1011, 'internal error');
        throw error;
      }
      if (!this.isDone) return;
      for (const then of this.#whenDone.splice(0)) then();
    });
  }
}
