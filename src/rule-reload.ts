import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Engine, StartRules } from './engine/index.ts';
import type { FrameJournal, GatewayContext, Health } from './gateway/index.ts';
import type { RuleSinks } from './rule-sinks.ts';
import { formatFault, NO_RULES, parseRuleFile, type RuleFile } from './rules/index.ts';
import { type Environment, readSinks, resolveSinks, type SinkConfig } from './sinks/index.ts';

/** A valid rule file. */
export interface ReadRules {
  readonly text: string;
  readonly file: RuleFile;
  readonly sinks: readonly SinkConfig[];
}

interface ReloadLog {
  readonly info: (fields: object, message: string) => void;
  readonly error: (fields: object, message: string) => void;
}

/** Interval at which rules that cannot come into force yet are tried again, ms. */
const RETRY_MS = 20;

/** No rules, as a file without any. */
export function withoutRules(): ReadRules {
  const { file } = parseRuleFile(NO_RULES);
  if (file === undefined) throw new Error('no rules are no valid rule file');
  return { text: NO_RULES, file, sinks: [] };
}

/** The file `rules.file`: read at the start and on demand. */
export class RuleSource {
  readonly #path: string;
  readonly #health: Health;
  readonly #log: ReloadLog;
  /** Where sinks have their secrets. */
  readonly #env: Environment;

  constructor(path: string, health: Health, log: ReloadLog, env: Environment) {
    this.#path = path;
    this.#health = health;
    this.#log = log;
    this.#env = env;
  }

  /** Undefined, with every fault in the log and in /readyz, if it is wrong. */
  read(): ReadRules | undefined {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      this.refuse([error instanceof Error ? error.message : String(error)]);
      return undefined;
    }
    const { file, faults } = parseRuleFile(text);
    if (file === undefined) {
      this.refuse(faults.map(formatFault));
      return undefined;
    }
    const names = file.rules.map(({ name }) => name);
    const given = readSinks(file.sinks, names);
    const { sinks, faults: missing } = resolveSinks(given.sinks, this.#env);
    const wrong = [...given.faults, ...missing];
    if (wrong.length > 0) {
      this.refuse(wrong.map(formatFault));
      return undefined;
    }
    this.#health.rulesFault = undefined;
    return { text, file, sinks };
  }

  refuse(faults: readonly string[]): void {
    const path = this.#path;
    const more = faults.length > 1 ? `; ${faults.length - 1} further faults, see the log` : '';
    this.#health.rulesFault = `${faults[0]}${more}`;
    this.#log.error({ path, faults }, 'the rule file is refused: the rules before stay in force');
  }

  /**
   * The rules that an engine starts with.
   *
   * @param before in force where the state begins that is brought back; undefined: there is none
   * @param within come into force while it is brought back
   */
  startRules(
    read: ReadRules | undefined,
    before: string | undefined,
    within: readonly string[],
    now: number,
  ): StartRules {
    const folder = pathToFileURL(`${resolve(dirname(this.#path))}/`).href;
    const text = before ?? read?.text ?? NO_RULES;
    const isEarlier = before !== undefined;
    return { text, since: now, folder, next: read?.file, within, isEarlier };
  }
}

export interface ReloadParts {
  /** Undefined: there is no file any more. */
  readonly source: RuleSource | undefined;
  readonly engine: Engine;
  readonly journal: Pick<FrameJournal, 'appendRules'> | undefined;
  readonly sinks: Pick<RuleSinks, 'configure'> | undefined;
  readonly scheduler: Pick<GatewayContext['scheduler'], 'publishClock'>;
  readonly log: ReloadLog;
}

/** Puts rule files into force: at a place in the journal, and in the order of ticks. */
export class RuleReload {
  readonly #parts: ReloadParts;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: ReloadParts) {
    this.#parts = parts;
  }

  /**
   * Puts the rules of a start into force, before the first tick, and says so in the journal in any
   * case: a replay may begin there.
   */
  begin(read: ReadRules | undefined): void {
    const { engine, journal } = this.#parts;
    const { rules } = engine;
    if (rules === undefined) return;
    if (read === undefined || read.text === rules.text) {
      if (read !== undefined) this.#parts.sinks?.configure(read.sinks, read.file.rules);
      journal?.appendRules(rules.text, Date.now());
      return;
    }
    this.#put(read);
  }

  /** Reads the file again. */
  reload(): void {
    const { engine, source } = this.#parts;
    const { rules } = engine;
    const read = source?.read();
    if (source === undefined || read === undefined || rules === undefined) return;
    const refusal = rules.refusal(read.text, read.file);
    if (refusal === undefined) this.#put(read);
    else source.refuse([refusal]);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #put(read: ReadRules): void {
    clearTimeout(this.#timer);
    const { engine, journal, log, scheduler, sinks } = this.#parts;
    if (engine.rules?.text === read.text) {
      // A secret may have.
      sinks?.configure(read.sinks, read.file.rules);
      log.info({ rules: read.file.rules.length }, 'the rule file has not changed');
      return;
    }
    const now = Date.now();
    // Not while a capture or others before them wait for their place, or the journal for space.
    if (!engine.canChangeRules || journal?.appendRules(read.text, now) === false) {
      this.#timer = setTimeout(() => this.#put(read), RETRY_MS).unref();
      return;
    }
    engine.changeRules(read.text, read.file, now);
    scheduler.publishClock();
    sinks?.configure(read.sinks, read.file.rules);
    log.info({ rules: read.file.rules.length }, 'the rule file is in force');
  }
}
