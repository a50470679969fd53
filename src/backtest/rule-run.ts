import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LocalPartition, type LocalSettings, shownName } from '../engine/index.ts';
import type { Alert } from '../protocol/index.ts';
import { formatFault, parseRuleFile, RuleCount, type RuleFile } from '../rules/index.ts';
import { BacktestError } from './backtest-error.ts';
import type { RuleFileRun } from './backtest-result.ts';
import { EpisodeBook } from './episode-book.ts';
import { type Label, scoreEpisodes } from './labels.ts';
import { type DayTally, summarize } from './summary.ts';

/** A valid rule file. */
export interface LoadedRules {
  /** Of the file that has the rules: modules are beside it. */
  readonly path: string;
  readonly file: RuleFile;
  readonly text: string;
}

/** A rule file that judges ticks, one after the other. */
export class RuleRun {
  /** What some rules cannot do for some symbols. */
  readonly faults: string[] = [];
  readonly #file: string;
  readonly #rules: RuleFile['rules'];
  readonly #alerts: Alert[] = [];
  readonly #book: EpisodeBook;
  #partition!: LocalPartition;

  /** @throws BacktestError if the file or a module of it cannot be used */
  static async open(path: string, rules: LocalSettings, symbols: number): Promise<RuleRun> {
    return RuleRun.load(readRuleFile(path), rules, symbols);
  }

  /** @throws BacktestError if a module of the file cannot be used */
  static async load(
    { path, file, text }: LoadedRules,
    rules: LocalSettings,
    symbols: number,
  ): Promise<RuleRun> {
    const run = new RuleRun(path, file.rules);
    try {
      run.#partition = await LocalPartition.open({
        symbols,
        rules,
        ruleText: text,
        ruleFile: file,
        folder: new URL('.', pathToFileURL(resolve(path))).href,
        onAlert: (alert) => run.#take(alert),
        onFaults: (name, faults) => {
          for (const fault of faults) run.faults.push(`${path}: ${shownName(name)}: ${fault}`);
        },
      });
    } catch (error) {
      throw new BacktestError(`${path}: ${(error as Error).message}`);
    }
    return run;
  }

  private constructor(file: string, rules: RuleFile['rules']) {
    this.#file = file;
    this.#rules = rules;
    const lasting = new Set(
      rules.filter(({ settings }) => settings.episode !== null).map(({ name }) => name),
    );
    this.#book = new EpisodeBook((rule) => lasting.has(rule));
  }

  /** In their order. */
  get alerts(): readonly Alert[] {
    return this.#alerts;
  }

  /** Rules that are off for a symbol because of an error of their module. */
  get failed(): readonly string[] {
    const hasFailed = (id: number) => this.#partition.count(id, RuleCount.FAILED) > 0;
    return this.#rules.filter((_rule, id) => hasFailed(id)).map(({ name }) => name);
  }

  /** Ticks that were older than their symbol's newest. */
  get late(): number {
    return this.#partition.late;
  }

  apply(name: string, price: number, time: number, receivedAt: number): void {
    this.#partition.apply(name, price, time, receivedAt);
  }

  advanceClock(now: number): void {
    this.#partition.advanceClock(now);
  }

  /** What it came to. */
  result(days: DayTally, labels: readonly Label[] | undefined): RuleFileRun {
    const { episodes } = this.#book;
    const counts = new Map<string, number>();
    for (const { rule } of this.#alerts) counts.set(rule, (counts.get(rule) ?? 0) + 1);
    return {
      file: this.#file,
      rules: this.#rules.map(({ name, kind }, id) => {
        const alerts = counts.get(name) ?? 0;
        const suppressed = this.#partition.count(id, RuleCount.SUPPRESSED);
        return summarize({ rule: name, kind, alerts, suppressed }, episodes, days.count);
      }),
      days: days.days(episodes),
      episodes,
      alerts: this.#alerts,
      score: labels && scoreEpisodes(episodes, labels),
    };
  }

  #take(alert: Alert): void {
    const shown = { ...alert, symbol: shownName(alert.symbol) };
    this.#alerts.push(shown);
    this.#book.add(shown);
  }
}

/** @throws BacktestError with every fault */
export function readRuleFile(path: string): LoadedRules {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new BacktestError((error as Error).message);
  }
  const { file, faults } = parseRuleFile(text);
  if (file !== undefined) return { path, file, text };
  throw new BacktestError([`${path}:`, ...faults.map(formatFault)].join('\n  '));
}
