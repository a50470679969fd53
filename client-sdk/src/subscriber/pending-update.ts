import type { Update } from './subscriber-events.ts';
import type { SymbolStatistics } from './symbol-statistics.ts';

/** What changed since a reader last looked: one update, however many frames it stands for. */
export class PendingUpdate {
  #changes = new Set<SymbolStatistics>();
  #serverTime = 0;

  add({ changes, serverTime }: Update): void {
    for (const change of changes) this.#changes.add(change);
    this.#serverTime = serverTime;
  }

  clear(): void {
    this.#changes.clear();
  }

  take(): Update | undefined {
    if (this.#changes.size === 0) return undefined;
    const changes = [...this.#changes];
    this.#changes.clear();
    return { changes, serverTime: this.#serverTime };
  }
}
