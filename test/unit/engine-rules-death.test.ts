import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';
import { AlertConsumer, createAlertRing } from '../../src/engine/memory/alert-ring.ts';
import { ClockProducer } from '../../src/engine/memory/clock-queue.ts';
import type { PartitionMemory } from '../../src/engine/memory/engine-memory.ts';
import { RetireRequester } from '../../src/engine/memory/retire-request.ts';
import { writeRuleText } from '../../src/engine/memory/rule-texts.ts';
import { TickProducer } from '../../src/engine/memory/tick-producer.ts';
import { PartitionWorker } from '../../src/engine/partition-worker.ts';
import { RuleTable } from '../../src/engine/rule-table.ts';
import { RuleCount, RuleCounters } from '../../src/rules/index.ts';
import {
  type ExpectedAlert,
  type OracleFile,
  SymbolRules,
} from '../../testkit/independent/rules.ts';
import { dies } from '../support/mortal-thread.ts';
import { createSmallMemory, oneTick, smallRules } from '../support/partition-rig.ts';
import { ORACLE_MODULES, RULE_MODULES } from '../support/rule-modules.ts';
import { createPartitionRules, ruleText, wordsOf } from '../support/rule-rig.ts';
import { type DeathDrill, dieBeforeEachStore, dieTwice } from '../support/store-deaths.ts';

/**
 * While rules raise alerts, by ticks, the clock and a retirement, kills a worker before each store
 * into shared memory in turn, on the test's thread; a second may be killed too; the last finishes.
 */
const RULES = smallRules({ windowCapacity: 256 });
const SYMBOLS = ['A', 'B'];
const COMMON = { symbols: ['*'], warning: '2%' };
const FILE: OracleFile = {
  rules: [
    {
      ...COMMON,
      name: 'flash',
      kind: 'spike',
      windowMs: 100,
      critical: '5%',
      episode: { step: true, holdMs: 50 },
    },
    { ...COMMON, name: 'every', kind: 'spike', windowMs: 40, episode: null },
    { ...COMMON, name: 'print', kind: 'gap', warning: '1.5%' },
    { name: 'mine', kind: 'module', symbols: ['*'], module: 'swing', warning: '3' },
    { name: 'quiet', kind: 'stale', symbols: ['*'], afterMs: 300 },
  ],
};

/** Symbol, price, time: which is when it arrives. */
type DrillTick = readonly [symbolId: number, price: number, time: number];

const BEFORE: DrillTick[] = [
  [0, 100, 1000],
  [1, 50, 1000],
];
/** Starts, escalations, extensions, and ends of all kinds. */
const QUEUED: DrillTick[] = [
  [0, 103, 1010],
  [1, 48.5, 1011],
  [0, 106, 1020],
  [0, 109, 1030],
  [1, 51.5, 1040],
  [0, 100, 1050],
  [1, 51.6, 1140],
  [0, 97, 1160],
  [1, 53, 1170],
];
/** Settles what is open; then nothing has come for long. */
const CLOCKS = [1300, 1600];
/** Behind the clock: the silence ends, and A has episodes open when it is retired. */
const BEHIND: DrillTick[] = [
  [1, 53, 1700],
  [0, 97, 1700],
  [0, 100, 1710],
];

const TABLE = new RuleTable();
const IDS = FILE.rules.map(({ name, kind }) => TABLE.id(name, kind as 'spike'));

class Drill implements DeathDrill {
  readonly #memory: PartitionMemory;
  readonly #saved: readonly (readonly [Uint8Array, Uint8Array])[];
  readonly #expected: readonly (readonly ExpectedAlert[])[];

  constructor() {
    const rules = createPartitionRules(SYMBOLS);
    writeRuleText(rules.texts, 0, { text: ruleText(FILE), ids: IDS });
    this.#memory = {
      ...createSmallMemory({ symbols: 2, movingAverageWindow: 4, channelCapacity: 64 }),
      alerts: createAlertRing(256),
      rules,
    };
    this.#offer(BEFORE);
    this.work(Number.POSITIVE_INFINITY);
    this.#offer(QUEUED);
    const clock = new ClockProducer(this.#memory.clocks);
    for (const now of CLOCKS) clock.push(BEFORE.length + QUEUED.length, now);
    clock.publish();
    this.#offer(BEHIND);
    const requester = new RetireRequester(this.#memory.retirements);
    requester.add(0, 0, -1);
    requester.requestAll(1, BEFORE.length + QUEUED.length + BEHIND.length);
    this.#saved = sharedIn(this.#memory).map((shared) => {
      const bytes = new Uint8Array(shared);
      return [bytes, bytes.slice()];
    });
    this.#expected = SYMBOLS.map((symbol, symbolId) => expectedAlerts(symbol, symbolId));
  }

  #offer(ticks: readonly DrillTick[]): void {
    const producer = new TickProducer(this.#memory.ticks, false);
    for (const [symbolId, price, time] of ticks) {
      expect(producer.tryOffer(symbolId, oneTick(price, time, time), 0)).toBe(true);
    }
    producer.publish();
  }

  restart(): void {
    for (const [shared, bytes] of this.#saved) shared.set(bytes);
  }

  /** A worker takes over and dies before store number `stores`. Returns whether it died. */
  work(stores: number): boolean {
    return dies(stores, () => {
      const worker = new PartitionWorker({ memory: this.#memory, rules: RULES }, {}, RULE_MODULES);
      worker.takeOver();
      while (worker.step() === 'step') {
        // A batch a step.
      }
    });
  }

  /** Symbols whose alerts are not what they would be without a death. */
  inspect(when: string): number {
    const raised: ExpectedAlert[][] = SYMBOLS.map(() => []);
    const names = { name: (symbolId: number) => SYMBOLS[symbolId] as string };
    const memory = this.#memory.alerts as SharedArrayBuffer;
    new AlertConsumer(memory, names, TABLE).drain((alert, symbolId) =>
      raised[symbolId]?.push(wordsOf(alert)),
    );
    let different = 0;
    let open = 0;
    for (const [symbolId, own] of raised.entries()) {
      expect(
        own.map(({ sequence }) => sequence),
        when,
      ).toEqual(own.map((_, i) => i + 1));
      for (const { name, episode } of FILE.rules) {
        open += openAfter(
          own.filter(({ rule }) => rule === name),
          episode !== null,
          when,
        );
      }
      const expected = this.#expected[symbolId] as ExpectedAlert[];
      const at = own.findIndex((alert, i) => !isDeepStrictEqual(alert, expected[i]));
      if (at < 0 && own.length === expected.length) continue;
      different++;
      if (at >= 0) this.#expectClosed(own.slice(0, at), own.slice(at), when);
    }
    const counts = new RuleCounters(this.#memory.rules?.counts as SharedArrayBuffer);
    const counted = IDS.map(
      (id) => counts.get(id, RuleCount.STARTED) - counts.get(id, RuleCount.ENDED),
    );
    expect(
      counted.reduce((a, b) => a + b),
      when,
    ).toBe(open);
    return different;
  }

  /** Where a worker died, every open episode of the symbol ends at once, and nothing else. */
  #expectClosed(
    before: readonly ExpectedAlert[],
    after: readonly ExpectedAlert[],
    when: string,
  ): void {
    const open = FILE.rules.filter(
      ({ name, episode }) =>
        episode !== null &&
        before.findLast(({ rule }) => rule === name)?.phase !== 'end' &&
        before.some(({ rule }) => rule === name),
    );
    const ends = after.slice(0, open.length);
    expect(
      ends.map(({ rule, reason }) => `${rule} ${reason}`),
      when,
    ).toEqual(open.map(({ name }) => `${name} closed`));
  }
}

/** All shared memory in an object. */
function sharedIn(value: unknown): SharedArrayBuffer[] {
  if (value instanceof SharedArrayBuffer) return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(sharedIn) : [];
}

function expectedAlerts(symbol: string, symbolId: number): readonly ExpectedAlert[] {
  const oracle = new SymbolRules(FILE, symbol, {}, ORACLE_MODULES);
  const take = (ticks: readonly DrillTick[]) => {
    for (const [own, price, time] of ticks) {
      if (own === symbolId) oracle.take({ price, time, receivedAt: time, average: undefined });
    }
  };
  take(BEFORE);
  take(QUEUED);
  for (const now of CLOCKS) oracle.clock(now);
  take(BEHIND);
  if (symbolId === 0) oracle.retire();
  return oracle.alerts;
}

/** Checks that episodes follow one another; returns 1 if the last one is open. */
function openAfter(alerts: readonly ExpectedAlert[], hasEpisodes: boolean, when: string): number {
  let isOpen = false;
  let episode = 0;
  for (const { phase, episode: own } of alerts) {
    expect(isOpen, when).toBe(phase !== 'start');
    if (phase === 'start') episode++;
    expect(own, when).toBe(episode);
    isOpen = phase !== 'end' && hasEpisodes;
  }
  return isOpen ? 1 : 0;
}

it('a worker that dies closes the episodes of one symbol, whenever it dies', () => {
  const { stores, harmless } = dieBeforeEachStore(new Drill());
  expect(stores).toBeGreaterThan(1000);
  expect(harmless).toBeGreaterThan(20);
});

it('so do several deaths, one after the other', () => {
  dieTwice(new Drill(), 13, 97);
});
