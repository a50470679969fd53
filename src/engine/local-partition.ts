import type { Alert } from '../protocol/index.ts';
import {
  type PriceWindow,
  type RuleCount,
  RuleCounters,
  type RuleFile,
  type RuleModule,
} from '../rules/index.ts';
import { type EngineOptions, reorderTicksOf } from './engine-options.ts';
import { AlertConsumer, AlertProducer } from './memory/alert-ring.ts';
import { Counter, Counters } from './memory/counters.ts';
import { createEngineMemory } from './memory/engine-memory.ts';
import { writeRuleText } from './memory/rule-texts.ts';
import { createSymbolNames, SymbolNames } from './memory/symbol-names.ts';
import { TickColumns } from './memory/tick-ring.ts';
import { Partition } from './partition.ts';
import { PartitionRules } from './partition-rules.ts';
import { loadRuleModules } from './rule-modules.ts';
import { RuleTable } from './rule-table.ts';
import type { Rules } from './rules.ts';
import { modulesOf } from './rules-in-force.ts';

/** Settings of a partition. */
export type LocalSettings = Rules & Pick<EngineOptions, 'reorderTicks'>;

export interface LocalPartitionOptions {
  /** Symbols at most. */
  readonly symbols: number;
  readonly rules: LocalSettings;
  /** A valid rule file, as text and as read. Its rules have their places in it as ids. */
  readonly ruleText: string;
  readonly ruleFile: RuleFile;
  /** URL of the folder that modules of the file are in, with a slash at its end. */
  readonly folder: string;
  /** Called with each alert, in their order. Its symbol is a name: tenants' have their prefix. */
  readonly onAlert: (alert: Alert) => void;
  /** Called when a symbol's rules are first looked up and some cannot apply. */
  readonly onFaults?: (name: string, faults: readonly string[]) => void;
}

/**
 * A partition on this thread, without queue or worker: for tools that ask what rules would have
 * said. The same state machine as in a server.
 */
export class LocalPartition {
  readonly #partition: Partition;
  readonly #counters: Counters;
  readonly #counts: RuleCounters;
  readonly #names: SymbolNames;
  readonly #alerts: AlertConsumer;
  readonly #onAlert: (alert: Alert) => void;
  readonly #symbols: number;
  readonly #ids = new Map<string, number>();
  readonly #nameById: string[] = [];
  readonly #tick = new TickColumns(1);
  readonly #encoder = new TextEncoder();

  /** @throws Error if a module cannot be loaded */
  static async open(options: LocalPartitionOptions): Promise<LocalPartition> {
    const modules = await loadRuleModules(modulesOf(options.ruleFile, options.folder));
    return new LocalPartition(options, modules);
  }

  private constructor(options: LocalPartitionOptions, modules: ReadonlyMap<string, RuleModule>) {
    const { symbols, rules, ruleText, ruleFile, onAlert, onFaults } = options;
    const { movingAverageWindow } = rules;
    const names = createSymbolNames(symbols);
    const [memory] = createEngineMemory({
      partitions: 1,
      symbols,
      channelCapacity: 2,
      movingAverageWindow,
      alerts: true,
      ruledNames: names,
      reorderTicks: reorderTicksOf(rules),
    });
    const ruleMemory = memory?.rules;
    if (memory?.alerts === undefined || ruleMemory === undefined) throw new Error('no memory');
    const table = new RuleTable();
    const ids = ruleFile.rules.map(({ name, kind }) => table.id(name, kind));
    writeRuleText(ruleMemory.texts, 0, { text: ruleText, ids });
    this.#symbols = symbols;
    this.#counters = new Counters(memory.counters);
    this.#counts = new RuleCounters(ruleMemory.counts);
    this.#names = new SymbolNames(names);
    this.#alerts = new AlertConsumer(memory.alerts, { name: (id) => this.#nameOf(id) }, table);
    this.#onAlert = onAlert;
    const alerts = new AlertProducer(memory.alerts);
    const ruled = (window: PriceWindow) => {
      const judge = new PartitionRules(ruleMemory, window, alerts, modules);
      judge.onSpaceNeeded = () => this.#drain();
      judge.onFaults = (symbolId, faults) => onFaults?.(this.#nameOf(symbolId), faults);
      return judge;
    };
    const none = { append: () => undefined };
    this.#partition = new Partition(memory, rules, this.#counters, none, false, undefined, ruled);
    this.#partition.makeSpace = () => this.#drain();
  }

  /** Applies a tick. Times are ms since the epoch; the tick is valid. */
  apply(name: string, price: number, time: number, receivedAt: number): void {
    const tick = this.#tick;
    tick.symbolIds[0] = this.#idOf(name);
    tick.prices[0] = price;
    tick.times[0] = time;
    tick.receivedAt[0] = receivedAt;
    this.#partition.apply(tick, 0);
    this.#drain();
  }

  /** The server's clock is so late. */
  advanceClock(now: number): void {
    if (this.#partition.needsClock) this.#partition.advanceClock(now);
    this.#drain();
  }

  /** Ticks that were older than their symbol's newest. */
  get late(): number {
    return this.#counters.get(Counter.LATE);
  }

  /** What was counted of a rule, by its place in the file. */
  count(ruleId: number, count: (typeof RuleCount)[keyof typeof RuleCount]): number {
    return this.#counts.get(ruleId, count);
  }

  #drain(): void {
    this.#alerts.drain(this.#onAlert);
  }

  #nameOf(symbolId: number): string {
    return this.#nameById[symbolId] as string;
  }

  /** @throws RangeError if there are too many symbols */
  #idOf(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = this.#nameById.length;
    if (id >= this.#symbols) throw new RangeError(`more than ${this.#symbols} symbols`);
    const bytes = this.#encoder.encode(name);
    this.#names.set(id, bytes, 0, bytes.length);
    this.#ids.set(name, id);
    this.#nameById.push(name);
    return id;
  }
}
