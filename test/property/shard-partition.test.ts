import { expect, it } from 'vitest';
import { decodeSymbolStates, RowValue, ShardPartition } from '../../src/engine/index.ts';
import type { Alert } from '../../src/protocol/index.ts';
import { fc } from '../../testkit/fast-check.ts';
import { type OracleFile, SymbolRules } from '../../testkit/independent/rules.ts';
import { smallRules } from '../support/partition-rig.ts';
import { ruleText, wordsOf } from '../support/rule-rig.ts';
import {
  RULE_FILE_CHANGES,
  type RuleEvent,
  ruleStories,
  STORY_SYMBOLS,
} from '../support/rule-story.ts';

const NAMES = STORY_SYMBOLS.map((symbol) => new TextEncoder().encode(symbol));

/** A shard whose owner may change before any event, beside the definition, which knows none. */
class Shard {
  readonly alerts: Alert[] = [];
  readonly oracles: readonly SymbolRules[];
  readonly #allowedLatenessMs: number;
  #owned: ShardPartition;

  constructor(allowedLatenessMs: number) {
    this.#allowedLatenessMs = allowedLatenessMs;
    this.oracles = STORY_SYMBOLS.map(
      (symbol) => new SymbolRules({ rules: [] }, symbol, { allowedLatenessMs }),
    );
    this.#owned = this.#own([], undefined);
  }

  #own(states: ConstructorParameters<typeof ShardPartition>[0]['states'], ruleText?: string) {
    return new ShardPartition({
      symbols: STORY_SYMBOLS.length,
      growBytes: 1_048_576,
      rules: {
        ...smallRules({ windowCapacity: 1024, allowedLatenessMs: this.#allowedLatenessMs }),
        maxFutureMs: 1e12,
      },
      states,
      ruleText,
      onAnomaly: () => undefined,
      onAlert: (alert) => this.alerts.push(alert),
    });
  }

  /** Another owner goes on from a snapshot. */
  handOver(): void {
    const states = decodeSymbolStates(Buffer.concat([...this.#owned.states()]));
    this.#owned = this.#own(states, this.#owned.ruleText);
  }

  take({ symbolId, price, time, now }: RuleEvent): void {
    const averages = this.#averages();
    if (price === undefined) {
      this.#owned.advanceClock(now);
      for (const [each, oracle] of this.oracles.entries()) oracle.clock(now, averages[each]);
      return;
    }
    const average = averages[symbolId];
    this.#owned.apply(this.#owned.symbolId(NAMES[symbolId] as Uint8Array, 1), price, time, now);
    this.oracles[symbolId]?.take({ price, time, receivedAt: now, average });
  }

  change(file: OracleFile, now: number): void {
    this.#owned.adoptRules(ruleText(file), now);
    for (const oracle of this.oracles) oracle.change(file, now);
  }

  compare(): void {
    const { alerts, oracles } = this;
    const found = STORY_SYMBOLS.map((name) =>
      alerts.filter(({ symbol }) => symbol === name).map(wordsOf),
    );
    expect(found).toEqual(oracles.map((oracle) => oracle.alerts));
  }

  #averages(): (number | undefined)[] {
    const averages: (number | undefined)[] = STORY_SYMBOLS.map(() => undefined);
    this.#owned.rowsFrom(0, (name, row) => {
      averages[STORY_SYMBOLS.indexOf(name)] = row[RowValue.AVERAGE];
      return true;
    });
    return averages;
  }
}

it('says what the definition says, whoever goes on from a snapshot, and when', () => {
  let alerts = 0;
  let stale = 0;
  fc.assert(
    fc.property(
      RULE_FILE_CHANGES,
      ruleStories(150),
      fc.constantFrom(0, 12, 300),
      fc.infiniteStream(fc.integer({ min: 0, max: 9 })),
      (files, events, allowedLatenessMs, chances) => {
        const shard = new Shard(allowedLatenessMs);
        const part = Math.ceil(events.length / (files.length + 1));
        for (const [index, event] of events.entries()) {
          const file = index % part === part - 1 ? files[(index + 1) / part - 1] : undefined;
          // Modules are refused in a cluster.
          const rules = file?.rules.filter(({ kind }) => kind !== 'module');
          if (rules !== undefined) shard.change({ rules }, event.now);
          if (chances.next().value === 0) shard.handOver();
          shard.take(event);
        }
        shard.compare();
        alerts += shard.alerts.length;
        stale += shard.alerts.filter(({ kind }) => kind === 'stale').length;
      },
    ),
    { numRuns: 150 },
  );
  expect(alerts).toBeGreaterThan(1000);
  expect(stale).toBeGreaterThan(20);
});
