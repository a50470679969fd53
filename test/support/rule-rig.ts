import { Counters } from '../../src/engine/memory/counters.ts';
import type {
  PartitionMemory,
  PartitionRuleMemory,
} from '../../src/engine/memory/engine-memory.ts';
import { createRuleTexts, writeRuleText } from '../../src/engine/memory/rule-texts.ts';
import { StatisticsTable } from '../../src/engine/memory/statistics-table.ts';
import { createSymbolNames, SymbolNames } from '../../src/engine/memory/symbol-names.ts';
import { SymbolRecords } from '../../src/engine/memory/symbol-records.ts';
import { TickColumns } from '../../src/engine/memory/tick-ring.ts';
import { createTimedSymbols } from '../../src/engine/memory/timed-symbols.ts';
import { Partition } from '../../src/engine/partition.ts';
import { PartitionRules } from '../../src/engine/partition-rules.ts';
import type { Rules } from '../../src/engine/rules.ts';
import type { Alert } from '../../src/protocol/index.ts';
import {
  type AlertOutput,
  createRuleCounts,
  createRuleMemory,
  formatFault,
  parseRuleFile,
  RuleCount,
  RuleCounters,
  type RuleModule,
} from '../../src/rules/index.ts';
import type { ExpectedAlert, OracleFile } from '../../testkit/independent/rules.ts';
import type { Tick } from '../../testkit/independent/statistics.ts';
import { AnomalyRecorder, createSmallMemory, smallRules, statisticsOf } from './partition-rig.ts';
import { RULE_MODULES } from './rule-modules.ts';

const PHASES = [undefined, 'start', 'escalate', 'extend', 'end'] as const;
const LEVELS = [undefined, 'warning', 'critical'] as const;
const REASONS = [undefined, 'reverted', 'reversed', 'settled', 'closed'] as const;

/** The text of a rule file that must be valid. */
export function ruleText(file: OracleFile): string {
  const text = JSON.stringify(file);
  const { faults } = parseRuleFile(text);
  if (faults !== undefined) throw new Error(faults.map(formatFault).join('\n'));
  return text;
}

/** An alert in the oracle's words. */
export function wordsOf(alert: Alert): ExpectedAlert {
  const { symbol: _symbol, kind: _kind, phase, level, direction, reason, ...numbers } = alert;
  return { ...numbers, ...wordsOfCodes(phase, level, direction, reason) };
}

function wordsOfCodes(phase: number, level: number, direction: number, reason: number) {
  return {
    phase: PHASES[phase] as ExpectedAlert['phase'],
    level: LEVELS[level] as ExpectedAlert['level'],
    direction: direction === 1 ? ('Up' as const) : direction === -1 ? 'Down' : 'None',
    reason: REASONS[reason],
  } as const;
}

/** Records alerts by symbol, in the oracle's words. */
export class AlertRecorder implements AlertOutput {
  readonly #names: readonly string[];
  readonly #bySymbol = new Map<number, ExpectedAlert[]>();

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  of(symbolId: number): ExpectedAlert[] {
    return this.#bySymbol.get(symbolId) ?? [];
  }

  append(...numbers: Parameters<AlertOutput['append']>): void {
    const [symbolId, sequence, ruleId, episode, phase, level, direction, ...rest] = numbers;
    const [reference, price, changePercent, time, startTime, peak, count, reason] = rest;
    const own = this.of(symbolId);
    this.#bySymbol.set(symbolId, own);
    own.push({
      sequence,
      rule: this.#names[ruleId] as string,
      episode,
      ...wordsOfCodes(phase, level, direction, reason),
      reference,
      price,
      changePercent,
      time,
      startTime,
      peak,
      count,
    });
  }
}

export interface RuleRigOptions {
  readonly rules?: Partial<Rules>;
  /** Ticks that may wait for earlier ones; undefined: none do. */
  readonly reorderTicks?: number | undefined;
  readonly modules?: ReadonlyMap<string, RuleModule>;
}

/** The memory of a partition's rules, for symbols with ids in their order. */
export function createPartitionRules(symbols: readonly string[]): PartitionRuleMemory {
  const names = createSymbolNames(symbols.length);
  const encoder = new TextEncoder();
  for (const [symbolId, symbol] of symbols.entries()) {
    const bytes = encoder.encode(symbol);
    new SymbolNames(names).set(symbolId, bytes, 0, bytes.length);
  }
  return {
    ...createRuleMemory(symbols.length),
    names,
    texts: createRuleTexts(),
    counts: createRuleCounts(),
    timed: createTimedSymbols(symbols.length),
    adopted: new SharedArrayBuffer(8),
    owner: 1,
  };
}

/** A partition with rules on the test's thread. */
export class RuleRig {
  readonly alerts: AlertRecorder;
  readonly anomalies = new AnomalyRecorder();
  readonly counts: RuleCounters;
  readonly counters: Counters;
  readonly faults: (readonly string[])[] = [];
  readonly table: StatisticsTable;
  readonly memory: PartitionMemory;
  readonly ruleMemory: PartitionRuleMemory;
  readonly #partition: Partition;
  readonly #rules: PartitionRules;
  /** Names of rules, by id. */
  readonly #names: string[] = [];
  #version = -1;
  readonly #columns = new TickColumns(1);

  constructor(file: OracleFile, symbols: readonly string[], options: RuleRigOptions = {}) {
    const rules = smallRules({ windowCapacity: 4096, ...options.rules });
    const { movingAverageWindow } = rules;
    this.memory = createSmallMemory({
      symbols: symbols.length,
      movingAverageWindow,
      growBytes: 1 << 20,
      reorderTicks: options.reorderTicks,
    });
    this.ruleMemory = createPartitionRules(symbols);
    this.#write(file);
    this.alerts = new AlertRecorder(this.#names);
    this.counts = new RuleCounters(this.ruleMemory.counts);
    this.counters = new Counters(this.memory.counters);
    this.table = new StatisticsTable(new SymbolRecords(this.memory.records, movingAverageWindow));
    let ruled: PartitionRules | undefined;
    this.#partition = new Partition(
      this.memory,
      rules,
      this.counters,
      this.anomalies,
      false,
      undefined,
      (window) => {
        const { modules = RULE_MODULES } = options;
        ruled = new PartitionRules(this.ruleMemory, window, this.alerts, modules);
        return ruled;
      },
    );
    this.#rules = ruled as unknown as PartitionRules;
    this.#rules.onFaults = (_symbolId, faults) => this.faults.push(faults);
  }

  /** The moving average of a symbol; undefined before its first tick. */
  average(symbolId: number): number | undefined {
    return this.table.version(symbolId) === 0
      ? undefined
      : statisticsOf(this.table, symbolId).average;
  }

  apply(symbolId: number, { price, time }: Tick, receivedAt = time): void {
    this.#columns.symbolIds[0] = symbolId;
    this.#columns.prices[0] = price;
    this.#columns.times[0] = time;
    this.#columns.receivedAt[0] = receivedAt;
    this.#partition.prepare(this.#columns, 0, 1);
    this.#partition.apply(this.#columns, 0);
  }

  clock(now: number): void {
    this.#partition.advanceClock(now);
  }

  /** Puts another file into force. */
  change(file: OracleFile, now: number): void {
    this.#write(file);
    this.#partition.adoptRules(this.#version, now);
  }

  /** Repairs as the successor of a worker that died on the symbol. */
  repair(symbolId: number): void {
    this.#partition.repair(symbolId, 0);
  }

  retire(symbolId: number): void {
    this.#partition.retire(symbolId);
  }

  #write(file: OracleFile): void {
    this.#version++;
    const ids = file.rules.map(({ name }) => {
      if (!this.#names.includes(name)) this.#names.push(name);
      return this.#names.indexOf(name);
    });
    writeRuleText(this.ruleMemory.texts, this.#version, { text: ruleText(file), ids });
  }

  /** What was counted of a rule. */
  count(rule: string, count: keyof typeof RuleCount): number {
    return this.counts.get(this.#names.indexOf(rule), RuleCount[count]);
  }
}
