import { expect, it } from 'vitest';
import { decodeSymbolStates, RowValue, ShardPartition } from '../../src/engine/index.ts';
import type { Alert, Anomaly } from '../../src/protocol/index.ts';
import { fc } from '../../testkit/fast-check.ts';
import {
  type ExpectedAlert,
  type OracleFile,
  SymbolRules,
} from '../../testkit/independent/rules.ts';
import { smallRules } from '../support/partition-rig.ts';
import { ruleText, wordsOf } from '../support/rule-rig.ts';
import {
  RULE_FILE_CHANGES,
  type RuleEvent,
  ruleStories,
  STORY_SYMBOLS,
} from '../support/rule-story.ts';

const NAMES = STORY_SYMBOLS.map((symbol) => new TextEncoder().encode(symbol));

type Start = Partial<Pick<ConstructorParameters<typeof ShardPartition>[0], 'states' | 'lives'>>;

/** A shard whose owner may change before any event, beside the definition, which knows none. */
class Shard {
  /** What it raised, in order. */
  readonly raised: (Alert | Anomaly)[] = [];
  readonly alerts: Alert[] = [];
  readonly oracles: SymbolRules[];
  /** By symbol, of all lives. */
  readonly expected: ExpectedAlert[][] = STORY_SYMBOLS.map(() => []);
  readonly #allowedLatenessMs: number;
  /** Where the life of each symbol began, and its ticks; undefined: it has none. */
  readonly #lives: ({ readonly since: number; count: number } | undefined)[] = [];
  #file: OracleFile = { rules: [] };
  #position = 0;
  #owned: ShardPartition;

  constructor(allowedLatenessMs: number) {
    this.#allowedLatenessMs = allowedLatenessMs;
    this.oracles = STORY_SYMBOLS.map((_, symbolId) => this.#begin(symbolId, 0));
    this.#owned = this.#own({}, undefined);
  }

  #begin(symbolId: number, lastSequence: number): SymbolRules {
    const eventTime = { allowedLatenessMs: this.#allowedLatenessMs };
    const symbol = STORY_SYMBOLS[symbolId] as string;
    return new SymbolRules(this.#file, symbol, eventTime, new Map(), lastSequence);
  }

  #own({ states = [], lives }: Start, ruleText?: string) {
    return new ShardPartition({
      symbols: STORY_SYMBOLS.length,
      growBytes: 1_048_576,
      rules: {
        ...smallRules({ windowCapacity: 1024, allowedLatenessMs: this.#allowedLatenessMs }),
        maxFutureMs: 1e12,
      },
      states,
      lives,
      ruleText,
      onAnomaly: (anomaly) => this.raised.push(anomaly),
      onAlert: (alert) => {
        this.alerts.push(alert);
        this.raised.push(alert);
      },
    });
  }

  /** Another owner goes on from a snapshot. */
  handOver(): void {
    const states = decodeSymbolStates(Buffer.concat([...this.#owned.states()]));
    const lives = JSON.parse(JSON.stringify(this.#owned.lives));
    this.#owned = this.#own({ states, lives }, this.#owned.ruleText);
  }

  /**
   * An entry of the log says that a life ends.
   *
   * @param before lives that the symbol has had since the decision
   * @param more ticks that it has had
   */
  retire(symbolId: number, before: number, more: number | undefined): void {
    this.#position++;
    const life = this.#lives[symbolId];
    const since = (life?.since ?? 0) - before;
    const count = more === undefined ? -1 : (life?.count ?? 0) - more;
    const symbol = STORY_SYMBOLS[symbolId] as string;
    const isOver = life !== undefined && before === 0 && (more ?? 0) === 0;
    const numbers = this.#owned.retire({ symbol, since, count });
    expect(numbers !== undefined).toBe(isOver);
    if (!isOver) return;
    const oracle = this.oracles[symbolId] as SymbolRules;
    oracle.retire();
    this.expected[symbolId]?.push(...oracle.alerts);
    expect(numbers?.alerts).toBe(oracle.lastSequence);
    this.oracles[symbolId] = this.#begin(symbolId, oracle.lastSequence);
    this.#lives[symbolId] = undefined;
  }

  take({ symbolId, price, time, now }: RuleEvent): void {
    this.#position++;
    const averages = this.#averages();
    if (price === undefined) {
      this.#owned.advanceClock(now);
      for (const [each, oracle] of this.oracles.entries()) oracle.clock(now, averages[each]);
      return;
    }
    const average = averages[symbolId];
    const life = this.#lives[symbolId] ?? { since: this.#position, count: 0 };
    this.#lives[symbolId] = life;
    life.count++;
    const id = this.#owned.symbolId(NAMES[symbolId] as Uint8Array, this.#position);
    this.#owned.apply(id, price, time, now);
    this.oracles[symbolId]?.take({ price, time, receivedAt: now, average });
  }

  change(file: OracleFile, now: number): void {
    this.#file = file;
    this.#owned.adoptRules(ruleText(file), now);
    for (const oracle of this.oracles) oracle.change(file, now);
  }

  compare(): void {
    const { alerts, oracles } = this;
    const found = STORY_SYMBOLS.map((name) =>
      alerts.filter(({ symbol }) => symbol === name).map(wordsOf),
    );
    expect(found).toEqual(
      oracles.map((oracle, symbolId) => [...(this.expected[symbolId] ?? []), ...oracle.alerts]),
    );
    const rows = new Map<string, unknown>();
    this.#owned.rowsFrom(0, (name, row, since) => {
      rows.set(name, [row[RowValue.COUNT], since]);
      return true;
    });
    const lives = STORY_SYMBOLS.flatMap((name, symbolId) => {
      const life = this.#lives[symbolId];
      return life === undefined ? [] : [[name, [life.count, life.since]] as const];
    });
    expect(rows).toEqual(new Map(lives));
    expect(this.#owned.symbols).toBe(lives.length);
    const ticks = this.#lives.reduce((sum, life) => sum + (life?.count ?? 0), 0);
    expect(this.#owned.applied).toBe(ticks);
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
  let retired = 0;
  fc.assert(
    fc.property(
      RULE_FILE_CHANGES,
      ruleStories(150),
      fc.constantFrom(0, 12, 300),
      fc.infiniteStream(fc.integer({ min: 0, max: 9 })),
      (files, events, allowedLatenessMs, chances) => {
        const shard = new Shard(allowedLatenessMs);
        // The same without a change of owners.
        const still = new Shard(allowedLatenessMs);
        const both = [shard, still];
        const part = Math.ceil(events.length / (files.length + 1));
        for (const [index, event] of events.entries()) {
          const file = index % part === part - 1 ? files[(index + 1) / part - 1] : undefined;
          // Modules are refused in a cluster.
          const rules = file?.rules.filter(({ kind }) => kind !== 'module');
          if (rules !== undefined) for (const each of both) each.change({ rules }, event.now);
          if (chances.next().value === 0) shard.handOver();
          if (chances.next().value === 0) {
            const before = chances.next().value === 0 ? 1 : 0;
            const more = [undefined, 0, 0, 1][chances.next().value ?? 0];
            for (const each of both) each.retire(event.symbolId, before, more);
            retired++;
          }
          for (const each of both) each.take(event);
        }
        for (const each of both) each.compare();
        expect(shard.raised).toEqual(still.raised);
        alerts += shard.alerts.length;
        stale += shard.alerts.filter(({ kind }) => kind === 'stale').length;
      },
    ),
    { numRuns: 150 },
  );
  expect(alerts).toBeGreaterThan(1000);
  expect(stale).toBeGreaterThan(20);
  expect(retired).toBeGreaterThan(100);
});
