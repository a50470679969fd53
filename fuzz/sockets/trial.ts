import { cpuMs, residentBytes } from '../../testkit/process-figures.ts';
import { ServerProcess } from '../../testkit/server-process.ts';
import { until } from '../../testkit/until.ts';
import type { Script } from './make-script.ts';
import { ScriptPlayer } from './play-script.ts';
import { Witness } from './witness.ts';

/** The longest that the server may stand still, ms. */
const STALL_MS_MAX = 100;
const REPETITIONS = 3;
const GROWTH_BYTES_MAX = 300 * 2 ** 20;
/** Scripts after which the server's memory is what it needs. */
const WARM_UP = 50;
const LEFT_OVER_MS = 20_000;
/** How a line of the log begins that says that the server itself went wrong. */
const FAULT = /^\{"level":"(error|fatal)"/;

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
    const server = await ServerProcess.start([
      `--server.transport=${transport}`,
      // So few that they run out: new ones are refused then, and the known ones must go on.
      '--processing.maxSymbols=3000',
    ]);
    try {
      return new Trial(server, await Witness.start(server.port));
    } catch (error) {
      await server.end();
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
    await this.#server.end();
    return fault;
  }

  async #playOnce(script: Script): Promise<{ fault: string | undefined; stallMs: number }> {
    this.#played++;
    const processorBefore = this.#processorMs();
    const outcomes = await this.#player.play(script);
    const testimony = await this.#witness.testify();
    const log = this.#loggedFault();
    const { exit } = this.#server;
    if (exit !== undefined) return { fault: `the server ended: ${exit} ${log ?? ''}`, stallMs: 0 };
    if (testimony === undefined) return { fault: 'the witness hears nothing more', stallMs: 0 };
    const { roundTripMs, ticks, violations } = testimony;
    this.ticks = ticks;
    // A server that was not running did not work either: the machine did.
    const stallMs = Math.min(roundTripMs, this.#processorMs() - processorBefore);
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
    const bytes = residentBytes(this.#server.pid);
    if (this.#played <= WARM_UP) this.#residentBytes = bytes;
    const growth = bytes - this.#residentBytes;
    return growth > GROWTH_BYTES_MAX ? `memory grew by ${growth} bytes` : undefined;
  }

  /** Time on processors so far, ms; endless once the server is gone. */
  #processorMs(): number {
    return this.#server.exit === undefined ? cpuMs(this.#server.pid) : Number.POSITIVE_INFINITY;
  }

  /** A line of the log that says that the server itself went wrong. */
  #loggedFault(): string | undefined {
    const lines = this.#server.output.split('\n');
    return lines.find((line) => (line.startsWith('{') ? FAULT.test(line) : line !== ''));
  }

  /** Whether the server has forgotten all but the witness. */
  async #leftOver(): Promise<string | undefined> {
    let left = ['publish', 'stream'];
    const isAlone = async () => {
      const text = await (await fetch(`http://127.0.0.1:${this.#server.port}/metrics`)).text();
      left = ['publish', 'stream'].filter(
        (kind) => !text.includes(`tickwire_sessions{kind="${kind}"} 1\n`),
      );
      return left.length === 0;
    };
    await until(isAlone, 'sessions to end', LEFT_OVER_MS).catch(() => undefined);
    return left.length === 0 ? undefined : `${left.join(', ')} sessions are left over`;
  }
}
