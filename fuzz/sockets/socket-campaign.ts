import { Random } from '../../testkit/random.ts';
import { makeScript, type Script, type SocketFinding } from './make-script.ts';
import { Trial } from './trial.ts';

/**
 * Scripts that are kept, and written down with the one that broke something: it may not have been
 * that one alone.
 */
const HISTORY_MAX = 40;
const FINDINGS_MAX = 5;

/** What came of a campaign. */
export interface SocketSummary {
  readonly scripts: number;
  readonly peers: number;
  readonly ticks: number;
  readonly longestMs: number;
  readonly noisy: number;
}

/** What is to be done. */
export interface SocketOrder {
  readonly transport: 'node' | 'uws';
  readonly seed: number;
  readonly seconds: number;
  readonly scriptsMax: number;
}

/** Attacks a server over real sockets, with a fresh one after each finding. */
export async function attack(
  { transport, seed, seconds, scriptsMax }: SocketOrder,
  seen: (finding: SocketFinding) => void,
): Promise<SocketSummary> {
  const random = new Random(seed);
  const end = performance.now() + seconds * 1000;
  const total = { scripts: 0, peers: 0, ticks: 0, longestMs: 0, noisy: 0 };
  const isOver = () => performance.now() >= end || total.scripts >= scriptsMax;
  for (let findings = 0; findings < FINDINGS_MAX && !isOver(); findings++) {
    const trial = await Trial.start(transport);
    const history: Script[] = [];
    let fault: string | undefined;
    while (fault === undefined && !isOver()) {
      const script = makeScript(random);
      history.push(script);
      if (history.length > HISTORY_MAX) history.shift();
      fault = await trial.play(script);
      total.scripts++;
      total.peers += script.length;
    }
    total.ticks += trial.ticks;
    total.noisy += trial.noisy;
    total.longestMs = Math.max(total.longestMs, trial.longestMs);
    const last = await trial.end();
    fault ??= last;
    if (fault !== undefined)
      seen({ transport, fault, scripts: await shortened(transport, history) });
  }
  return total;
}

/** The last script alone, where that is enough. */
async function shortened(
  transport: string,
  history: readonly Script[],
): Promise<readonly Script[]> {
  const last = history.slice(-1);
  return (await playAll(transport, last)) === undefined ? history : last;
}

/** Plays scripts one after the other against a fresh server; returns what they broke. */
export async function playAll(
  transport: string,
  scripts: readonly Script[],
): Promise<string | undefined> {
  const trial = await Trial.start(transport);
  let fault: string | undefined;
  for (const script of scripts) fault ??= await trial.play(script);
  const last = await trial.end();
  return fault ?? last;
}
