import { readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { type Alert, AlertLevel, AlertPhase, AlertReason } from '../protocol/index.ts';
import { createOutbox } from './create-sink.ts';
import { post } from './request.ts';
import { formatSinkFault, readSinks } from './sink-settings.ts';
import { type Environment, resolveSinks, type SinkConfig, shownTarget } from './target.ts';

export interface CommandOutput {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/**
 * `tickwire sinks test`: sends one alert through each sink of a rule file, once, and prints what
 * came back.
 *
 * @returns the exit status: 0; 1 if a sink did not take it; 2 if the file is wrong
 */
export async function testSinks(
  file: string,
  env: Environment,
  { stdout, stderr }: CommandOutput,
): Promise<number> {
  const refuse = (...faults: string[]) => {
    stderr.write(`${['tickwire sinks test:', ...faults].join('\n  ')}\n`);
    return 2;
  };
  let content: { rules?: unknown; sinks?: unknown };
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    return refuse(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const rules = namesOf(content?.rules);
  const read = readSinks(content?.sinks, rules);
  const { sinks, faults } = resolveSinks(read.sinks, env);
  const all = [...read.faults, ...faults].map((fault) => `${file}: ${formatSinkFault(fault)}`);
  if (all.length > 0) return refuse(...all);
  if (sinks.length === 0) return refuse(`${file}: expected sinks, got none`);
  const verdicts = await Promise.all(
    sinks.map(async (sink) => {
      const { isTaken, line } = await trySink(sink, rules[0] ?? 'test');
      stdout.write(`${line}\n`);
      return isTaken;
    }),
  );
  return verdicts.includes(false) ? 1 : 0;
}

async function trySink(
  { settings, target }: SinkConfig,
  anyRule: string,
): Promise<{ isTaken: boolean; line: string }> {
  const { name, format, timeoutMs, rules, levels } = settings;
  const level = levels.includes('critical') ? AlertLevel.CRITICAL : AlertLevel.WARNING;
  // A rule without episodes: Alertmanager then ends the alert by itself.
  const outbox = createOutbox({ ...settings, phases: [] }, () => false);
  outbox.push({ alert: testAlert(rules[0] ?? anyRule, level), ordinal: 0, isTest: true }, 0);
  const batch = outbox.take(0);
  if (batch === undefined) throw new Error(`${name} does not take its own alert`);
  const begun = performance.now();
  const { kind, reason, answer } = await post(target, batch.message, timeoutMs);
  const ms = Math.round(performance.now() - begun);
  const signed = target.secret === undefined ? '' : ', signed';
  const said = answer === undefined || answer === '' ? '' : `: ${JSON.stringify(answer)}`;
  const verdict = kind === 'delivered' ? 'delivered' : 'NOT DELIVERED';
  const where = `${name} (${format}${signed}, ${shownTarget(target)})`;
  return {
    isTaken: kind === 'delivered',
    line: `${where}: ${verdict}, ${reason} after ${ms} ms${said}`,
  };
}

function testAlert(rule: string, level: AlertLevel): Alert {
  const time = Date.now();
  return {
    symbol: 'TEST',
    sequence: 1,
    rule,
    kind: 'spike',
    episode: 1,
    phase: AlertPhase.START,
    level,
    direction: 1,
    reference: 100,
    price: 105,
    changePercent: 5,
    time,
    startTime: time,
    peak: 105,
    count: 1,
    reason: AlertReason.NONE,
  };
}

function namesOf(rules: unknown): string[] {
  if (!Array.isArray(rules)) return [];
  return rules.flatMap((rule) => {
    const name: unknown = rule?.name;
    return typeof name === 'string' ? [name] : [];
  });
}
