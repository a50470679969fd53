import {
  HEAD_DOUBLES,
  Head,
  parseRuleFile,
  RuleCount,
  RuleCounters,
  type RuleFile,
  type RuleModule,
} from '../rules/index.ts';
import { float64s, int32s } from '../threads/shared-memory.ts';
import type { ClockProducer } from './memory/clock-queue.ts';
import type { PartitionRuleMemory } from './memory/engine-memory.ts';
import { RULE_TEXT_BYTES_MAX, writeRuleText } from './memory/rule-texts.ts';
import { loadRuleModules } from './rule-modules.ts';
import type { RuleTable } from './rule-table.ts';

/** The rules of an engine when it starts. */
export interface StartRules {
  /** A valid rule file. */
  readonly text: string;
  /** Since when it is in force, ms since the epoch. */
  readonly since: number;
  /** URL of the folder that modules of the file are in, with a slash at its end. */
  readonly folder?: string | undefined;
  /** A file that comes into force later; its modules are loaded, too. */
  readonly next?: RuleFile | undefined;
  /** Texts that come into force while the state of an earlier run is brought back. */
  readonly within?: readonly string[] | undefined;
  /** Whether the text is that of an earlier run, whose modules may be gone. */
  readonly isEarlier?: boolean | undefined;
}

/** What a rule has done since the engine was started. */
export interface RuleTotals {
  /** Episodes started, and those open now; without episodes, every alert starts and ends one. */
  readonly started: number;
  readonly open: number;
  /** Alerts that a cool-down covered. */
  readonly suppressed: number;
  /** Symbols that a module threw for. */
  readonly failed: number;
}

/** The modules of a rule file: the path in it and the URL of each. */
export function modulesOf({ rules }: RuleFile, folder = 'file:///'): [string, string][] {
  const paths = rules.flatMap(({ settings, overrides }) =>
    [settings, ...overrides.map((own) => own.settings)].flatMap(({ module }) => module ?? []),
  );
  return [...new Set(paths)].map((path) => [path, new URL(path, folder).href]);
}

/** The gateway's end of the rules: which are in force, and what they did. */
export class RulesInForce {
  /** Modules of the first rules, by path. */
  readonly modules: ReadonlyMap<string, RuleModule>;
  readonly moduleUrls: readonly (readonly [string, string])[];
  /** Why modules of an earlier run were not loaded: their rules are off, and count errors. */
  readonly moduleFaults: readonly string[];
  text: string;
  file: RuleFile;
  /** Since when, ms since the epoch. */
  since: number;
  /** The ids of its rules in records. */
  ids: readonly number[] = [];
  #version = 0;
  #memory: readonly PartitionRuleMemory[] = [];
  #adopted: readonly Int32Array[] = [];
  #counters: readonly RuleCounters[] = [];
  #heads: Float64Array = new Float64Array(0);
  readonly #table: RuleTable;

  private constructor(
    { text, since }: StartRules,
    file: RuleFile,
    table: RuleTable,
    modules: Pick<RulesInForce, 'modules' | 'moduleUrls' | 'moduleFaults'>,
  ) {
    this.text = text;
    this.file = file;
    this.since = since;
    this.#table = table;
    this.modules = modules.modules;
    this.moduleUrls = modules.moduleUrls;
    this.moduleFaults = modules.moduleFaults;
  }

  /**
   * Loads the modules of the first rules.
   *
   * @throws Error if the text is no rule file, or a module cannot be loaded that an earlier run did
   *   not have
   */
  static async load(rules: StartRules, table: RuleTable): Promise<RulesInForce> {
    const { file } = parseRuleFile(rules.text);
    if (file === undefined) throw new Error('the first rules are no valid rule file');
    const { folder, isEarlier = false, next, within = [] } = rules;
    const moduleUrls = next === undefined ? [] : modulesOf(next, folder);
    const modules = new Map(await loadRuleModules(moduleUrls));
    const moduleFaults: string[] = [];
    const tried = new Set(modules.keys());
    const loadOf = async (named: RuleFile, mayBeGone: boolean) => {
      for (const one of modulesOf(named, folder)) {
        const [path] = one;
        if (tried.has(path)) continue;
        tried.add(path);
        try {
          const loaded = await loadRuleModules([one]);
          for (const [name, module] of loaded) modules.set(name, module);
          moduleUrls.push(one);
        } catch (error) {
          if (!mayBeGone) throw error;
          moduleFaults.push((error as Error).message);
        }
      }
    };
    await loadOf(file, isEarlier);
    for (const text of within) {
      const { file: later } = parseRuleFile(text);
      // One that cannot be read is refused where it comes into force.
      if (later !== undefined) await loadOf(later, true);
    }
    return new RulesInForce(rules, file, table, { modules, moduleUrls, moduleFaults });
  }

  /** Takes the memory of the partitions, and puts the first rules into force. */
  begin(memory: readonly PartitionRuleMemory[]): void {
    const [first] = memory as [PartitionRuleMemory];
    this.#heads = float64s(first.heads);
    this.#memory = memory;
    this.#adopted = memory.map(({ adopted }) => int32s(adopted));
    this.#counters = memory.map(({ counts }) => new RuleCounters(counts));
    this.#write(this.text, this.file);
  }

  /** Why a file cannot be put into force while the engine runs; undefined if it can. */
  refusal(text: string, file: RuleFile): string | undefined {
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > RULE_TEXT_BYTES_MAX) {
      return `expected at most ${RULE_TEXT_BYTES_MAX} bytes, got ${bytes}`;
    }
    const unknown = modulesOf(file).find(([path]) => !this.modules.has(path));
    if (unknown === undefined) return undefined;
    return `module ${unknown[0]} was not there at the start: modules are loaded by a restart`;
  }

  /** Whether all partitions have adopted the rules in force, so that others may follow. */
  get isSettled(): boolean {
    return this.#adopted.every((adopted) => Atomics.load(adopted, 0) === this.#version);
  }

  /**
   * Puts a file into force at the places of the partitions' queues given by `positions`.
   *
   * @param now becomes the time of episodes that end thereby, ms since the epoch
   */
  change(
    text: string,
    file: RuleFile,
    now: number,
    clocks: readonly ClockProducer[],
    positions: readonly number[],
  ): void {
    this.#version++;
    this.text = text;
    this.file = file;
    this.since = now;
    this.#write(text, file);
    for (const [partition, clock] of clocks.entries()) {
      clock.push(positions[partition] as number, now, this.#version);
    }
  }

  /** Sequence of a symbol's newest alert; 0 if it has none. */
  lastAlert(symbolId: number): number {
    return this.#heads[symbolId * HEAD_DOUBLES + Head.SEQUENCE] as number;
  }

  /** Numbers the alerts of a new symbol from `last` + 1 on. Before its first tick is offered. */
  continueAlerts(symbolId: number, last: number): void {
    this.#heads[symbolId * HEAD_DOUBLES + Head.SEQUENCE] = last;
  }

  /** What a rule has done. */
  totals(ruleId: number): RuleTotals {
    const sum = (count: number) =>
      this.#counters.reduce((total, counters) => total + counters.get(ruleId, count), 0);
    const started = sum(RuleCount.STARTED);
    return {
      started,
      open: started - sum(RuleCount.ENDED),
      suppressed: sum(RuleCount.SUPPRESSED),
      failed: sum(RuleCount.FAILED),
    };
  }

  #write(text: string, file: RuleFile): void {
    this.ids = file.rules.map(({ name, kind }) => this.#table.id(name, kind));
    const [first] = this.#memory;
    if (first !== undefined) writeRuleText(first.texts, this.#version, { text, ids: this.ids });
  }
}
