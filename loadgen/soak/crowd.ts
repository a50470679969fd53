import type { ChildProcess } from 'node:child_process';
import { once, setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Anomaly, connect, type Subscriber } from '../../client-sdk/src/index.ts';
import { Op } from '../../src/protocol/index.ts';
import { forkProgram } from '../../testkit/managed-process.ts';
import { LoadSocket } from '../ws-socket.ts';

/**
 * A subscriber to everything that stays, over all restarts of the server, and notes every break in
 * the numbering of a symbol's anomalies.
 */
export class AnomalyWatch {
  readonly name = 'a watching subscriber';
  readonly subscriber: Subscriber;
  /** Last sequences by symbol. */
  readonly sequences = new Map<string, number>();
  readonly breaks: string[] = [];
  /** Sessions opened so far. */
  sessions = 0;
  /** Numbers that were given anew after a crash. */
  renumbered = 0;
  /** The epochs in which those were told. */
  readonly #epochs = new Map<string, string>();
  readonly #crashed = new Set<string>();

  constructor(url: string) {
    this.subscriber = connect(url, { WebSocket: LoadSocket });
    this.subscriber.subscribe('*');
    this.subscriber.on('state', ({ state }) => {
      if (state === 'live') this.sessions++;
    });
    this.subscriber.on('anomaly', (anomaly) => this.#follow(anomaly));
    this.subscriber.on('gap', ({ symbol, fromSequence, toSequence }) => {
      this.breaks.push(`${symbol}: the server does not have ${fromSequence} to ${toSequence}`);
    });
  }

  get isLive(): boolean {
    return this.subscriber.state === 'live';
  }

  /**
   * The process with this epoch was killed in `async` mode: it may have told numbers that the next
   * one gives anew.
   */
  serverCrashed(epoch: string): void {
    this.#crashed.add(epoch);
  }

  #follow({ symbol, sequence }: Anomaly): void {
    const last = this.sequences.get(symbol);
    const epoch = this.subscriber.session?.epoch ?? '';
    if (last !== undefined && sequence !== last + 1) {
      const before = this.#epochs.get(symbol) ?? '';
      const isAnew = sequence <= last && epoch !== before && this.#crashed.has(before);
      if (isAnew) this.renumbered += last + 1 - sequence;
      else this.breaks.push(`${symbol}: ${sequence} after ${last}`);
    }
    this.sequences.set(symbol, sequence);
    this.#epochs.set(symbol, epoch);
  }
}

const SLOW_READS_MS = 300;
const SLOW_PAUSES_MS = 3000;
const VISIT_MS = 150;
/** Subscribers that come and go, one visit after the other; and how many more in a rush. */
const VISITORS = 4;
const RUSH_VISITORS = 20;
const CROWD = 6;
/** Longer than the `stream.slowSessionCloseMs` of a soak. */
const UNREAD_MS = 20_000;

/**
 * The subscribers of a soak, of all kinds. Those that stay are held against the server in the end.
 */
export class Crowd {
  /** Those that stay, by what they are. */
  readonly lasting = new Map<string, Subscriber>();
  readonly watches: readonly AnomalyWatch[];
  /** Connections opened and closed again at once. */
  visits = 0;
  /** Connections of the one that never reads which the server closed. */
  dismissed = 0;
  readonly #url: string;
  readonly #ending = new AbortController();
  #child: ChildProcess | undefined;

  /** @param cutUrl the same server over a line that is cut now and then */
  constructor(url: string, cutUrl: string) {
    this.#url = url;
    this.watches = [new AnomalyWatch(url), new AnomalyWatch(cutUrl)];
    const [direct, cut] = this.watches as [AnomalyWatch, AnomalyWatch];
    this.lasting.set('all', direct.subscriber).set('all, over a line that is cut', cut.subscriber);
    this.#add('conflated', '*', { conflateMs: 200 });
    this.#add('a family', 'P0:*');
    this.#add('a family, in JSON', 'P1:*', { encoding: 'json' });
    this.#add('slow', '*');
    this.#add('slow and conflated', '*', { conflateMs: 20 });
    this.spawn();
    for (const name of ['slow', 'slow and conflated']) void this.#beSlow(name);
    for (let i = 0; i < VISITORS; i++) void this.#comeAndGo(this.#ending.signal);
    void this.#neverRead();
  }

  /** Starts a process of further subscribers. */
  spawn(): void {
    this.#child = forkProgram('loadgen/soak/crowd-process', [this.#url, String(CROWD)]);
  }

  /** The server with this epoch was killed, and may have told anomalies that are not on disk. */
  serverCrashed(epoch: string): void {
    for (const watch of this.watches) watch.serverCrashed(epoch);
  }

  /** Stops the process of further subscribers, or has it go on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(name);
  }

  /** Kills the process of further subscribers. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** For a while, ms, many more come and go; `signal` ends that early. */
  async rush(ms: number, signal: AbortSignal): Promise<void> {
    const ending = new AbortController();
    setMaxListeners(RUSH_VISITORS, ending.signal);
    const visits = Array.from({ length: RUSH_VISITORS }, () => this.#comeAndGo(ending.signal));
    await sleep(ms, undefined, { signal }).catch(() => undefined);
    ending.abort();
    await Promise.all(visits);
  }

  /** Lets those that come and go, and the process, end; those that stay read on. */
  async settle(): Promise<void> {
    this.#ending.abort();
    await this.kill();
    for (const subscriber of this.lasting.values()) subscriber.resume();
  }

  close(): void {
    for (const subscriber of this.lasting.values()) subscriber.close();
  }

  #add(name: string, pattern: string, options: Parameters<typeof connect>[1] = {}): void {
    const subscriber = connect(this.#url, { WebSocket: LoadSocket, ...options });
    subscriber.subscribe(pattern);
    this.lasting.set(name, subscriber);
  }

  async #beSlow(name: string): Promise<void> {
    const subscriber = this.lasting.get(name);
    while (!this.#ending.signal.aborted) {
      await this.#wait(SLOW_READS_MS);
      if (!this.#ending.signal.aborted) subscriber?.pause();
      await this.#wait(SLOW_PAUSES_MS);
      subscriber?.resume();
    }
  }

  async #comeAndGo(ending: AbortSignal): Promise<void> {
    while (!ending.aborted) {
      const subscriber = connect(this.#url, { WebSocket: LoadSocket });
      subscriber.subscribe('*');
      await sleep(VISIT_MS, undefined, { signal: ending }).catch(() => undefined);
      subscriber.close();
      this.visits++;
    }
  }

  /** Subscribes to everything and reads nothing for longer than the server stands; and again. */
  async #neverRead(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      const socket = new LoadSocket(`${this.#url}/v1/stream`, ['tickwire.v1.json']);
      socket.on('error', () => undefined);
      let isClosed = false;
      socket.once('close', () => {
        isClosed = true;
      });
      socket.once('open', () => {
        socket.send(JSON.stringify([Op.SUBSCRIBE, 1, ['*']]));
        socket.pause();
      });
      await this.#wait(UNREAD_MS);
      // Only who reads learns that the server has gone.
      socket.resume();
      await this.#wait(VISIT_MS);
      if (isClosed) this.dismissed++;
      socket.terminate();
    }
  }

  #wait(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#ending.signal }).catch(() => undefined);
  }
}

const TIMEOUT_MS = 60_000;

/**
 * Has every subscriber that stayed compare digests with the server, and look at the numbering of
 * its anomalies.
 */
export async function checkMirrors(
  crowd: Crowd,
  violate: (message: string) => void,
): Promise<number> {
  const checks = [...crowd.lasting].map(([name, subscriber]) => checkMirror(name, subscriber));
  for (const fault of await Promise.all(checks)) if (fault !== undefined) violate(fault);
  for (const { breaks } of crowd.watches) {
    for (const text of breaks) violate(`a subscriber's anomalies: ${text}`);
  }
  return checks.length;
}

async function checkMirror(name: string, subscriber: Subscriber): Promise<string | undefined> {
  const timeout = sleep(TIMEOUT_MS, undefined, { ref: false }).then(() => {
    throw new Error(`no answer in ${TIMEOUT_MS} ms`);
  });
  try {
    await Promise.race([subscriber.ready, timeout]);
    const { equal, symbolCount, ownSymbolCount } = await Promise.race([
      subscriber.verify(),
      timeout,
    ]);
    if (equal) return undefined;
    const holds = `holds ${ownSymbolCount} symbols`;
    return `subscriber '${name}' ${holds}, not as the ${symbolCount} of the server`;
  } catch (error) {
    return `subscriber '${name}': ${(error as Error).message}`;
  }
}
