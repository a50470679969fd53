import { setTimeout as pause } from 'node:timers/promises';
import { ScriptPlayer } from './play-script.ts';
import type { Script } from './script.ts';
import { ServerProcess } from './server-process.ts';
import { Witness } from './witness.ts';

/** The longest that the server may stand still, ms. */
const STALL_MS_MAX = 100;
const REPETITIONS = 3;
const GROWTH_BYTES_MAX = 300 * 2 ** 20;
/** Scripts after which the server's memory is what it needs. */
const WARM_UP = 50;
const LEFT_OVER_MS = 20_000;

/** A server, those who attack it, and the witness. */
export class Trial {
  readonly #server: ServerProcess;
  readonly #witness: Witness;
  readonly #player: ScriptPlayer;
  #played = 0;
  #residentBytes = 0;
  /** The longest round trip of the witness that was not the machine's fault, ms. */
  longestMs = 0;
  /** Ticks of the witness. */
  ticks = 0;
  /** Round trips that were too long once, but not when only their script was played. */
  noisy = 0;

  private constructor(server: ServerProcess, witness: Witness) {
    this.#server = server;
    this.#witness = witness;
    this.#player = new ScriptPlayer(server.port);
  }

  static async start(transport: string): Promise<Trial> {
    const server = await ServerProcess.start(transport);
    try {
      return new Trial(server, await Witness.start(server.port));
    } catch (error) {
      server.end();
      throw error;
    }
  }

  /** Plays a script; returns what it broke. */
  async play(script: Script): Promise<string | undefined> {
    const first = await this.#playOnce(script);
    if (first.fault !== undefined) return first.fault;
    let stallMs = first.stallMs;
    for (let i = 0; i < REPETITIONS && stallMs > STALL_MS_MAX; i++) {
      const again = await this.#playOnce(script);
      if (again.fault !== undefined) return again.fault;
      stallMs = Math.min(stallMs, again.stallMs);
    }
    if (stallMs > STALL_MS_MAX) return `the server stood still for ${stallMs.toFixed(0)} ms`;
    if (first.stallMs > STALL_MS_MAX) this.noisy++;
    this.longestMs = Math.max(this.longestMs, stallMs);
    return this.#memoryFault();
  }

  /** Ends everything; returns what was wrong in the end. */
  async end(): Promise<string | undefined> {
    this.#player.end();
    const fault = this.#server.exit === undefined ? await this.#leftOver() : undefined;
    await this.#witness.end();
    this.#server.end();
    return fault;
  }

  async #playOnce(script: Script): Promise<{ fault: string | undefined; stallMs: number }> {
    this.#played++;
    const processorBefore = this.#server.processorMs();
    const outcomes = await this.#player.play(script);
    const testimony = await this.#witness.testify();
    const [log] = this.#server.faults();
    const { exit } = this.#server;
    if (exit !== undefined) return { fault: `the server ended: ${exit} ${log ?? ''}`, stallMs: 0 };
    if (testimony === undefined) return { fault: 'the witness hears nothing more', stallMs: 0 };
    const { roundTripMs, ticks, violations } = testimony;
    this.ticks = ticks;
    // A server that was not running did not work either: the machine did.
    const stallMs = Math.min(roundTripMs, this.#server.processorMs() - processorBefore);
    const answers = outcomes.map(({ peer, statuses }) => {
      const broken = statuses.find((status) => status >= 500 && status !== 503 && status !== 505);
      if (broken !== undefined) return `${peer.what} was answered ${broken}`;
      const isMore = statuses.length > (peer.answersMax ?? Number.POSITIVE_INFINITY);
      return isMore ? `${peer.what} was answered ${statuses.join(', ')}` : undefined;
    });
    const fault = violations[0] ?? log ?? answers.find((answer) => answer !== undefined);
    return { fault, stallMs };
  }

  #memoryFault(): string | undefined {
    const bytes = this.#server.residentBytes();
    if (this.#played <= WARM_UP) this.#residentBytes = bytes;
    const growth = bytes - this.#residentBytes;
    return growth > GROWTH_BYTES_MAX ? `memory grew by ${growth} bytes` : undefined;
  }

  /** Whether the server has forgotten all but the witness. */
  async #leftOver(): Promise<string | undefined> {
    const deadline = performance.now() + LEFT_OVER_MS;
    for (;;) {
      const text = await (await fetch(`http://127.0.0.1:${this.#server.port}/metrics`)).text();
      const left = ['publish', 'stream'].filter(
        (kind) => !text.includes(`tickwire_sessions{kind="${kind}"} 1\n`),
      );
      if (left.length === 0) return undefined;
      if (performance.now() > deadline) return `${left.join(', ')} sessions are left over`;
      await pause(50);
    }
  }
}
