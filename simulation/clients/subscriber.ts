import { encodeMessage, Op, type WireFrame } from '../../testkit/independent/protocol.ts';
import { Thread } from '../core/scheduler.ts';
import { type Client, Reading } from '../network/connection-ends.ts';
import type { SimulatedConnection } from '../network/simulated-connection.ts';
import { StreamOracle } from '../oracles/stream-oracle.ts';
import type { World } from '../world.ts';

const RECONNECT_MS_MAX = 400;
const MASKS = [63, 63, 63, 1, 4, 9, 47, 5];

/**
 * A subscriber with changing patterns that reads fast, slowly or not at all, and resumes from what
 * it saw last.
 */
export class SimulatedSubscriber implements Client {
  readonly #world: World;
  readonly #json: boolean;
  readonly #number: number;
  #connection: SimulatedConnection | undefined;
  #oracle: StreamOracle | undefined;
  #isWelcome = false;
  #epoch = '';
  #requestId = 0;
  #patterns = new Set<string>();
  readonly #names = new Map<number, string>();
  /** The last anomaly that was read, by symbol. */
  readonly #seen = new Map<string, number>();

  constructor(world: World, number: number) {
    this.#world = world;
    this.#number = number;
    this.#json = world.random.chance(0.2);
    this.#connectSoon();
    this.#actSoon();
  }

  /**
   * What keeps it from rest, in words; undefined when it holds the newest state of all it is
   * subscribed to.
   */
  get unrest(): string | undefined {
    if (!this.#isWelcome || this.#oracle?.isOpen !== true) {
      return `subscriber ${this.#number} is not connected`;
    }
    const lag = this.#oracle.lag();
    return lag === undefined ? undefined : `subscriber ${this.#number}: ${lag}`;
  }

  /** Asks for a proof. */
  verify(): void {
    if (this.#isWelcome) this.#send([Op.VERIFY, ++this.#requestId]);
  }

  receive(frame: WireFrame): void {
    if (frame[0] === Op.WELCOME) this.#welcomed(frame);
    else if (frame[0] === Op.SYMBOLS) this.#name(frame[1] as (number | string)[]);
    else if (frame[0] === Op.ANOMALY) this.#saw(frame[2] as number[][]);
  }

  closed(_code: number): void {
    this.#isWelcome = false;
    this.#connection = undefined;
    this.#connectSoon();
  }

  #connectSoon(): void {
    const delayMs = RECONNECT_MS_MAX * this.#world.random.float() ** 2;
    this.#world.scheduler.after(delayMs, Thread.OUTSIDE, 'subscriber connects', () => {
      if (this.#connection !== undefined) return;
      const upgrade = { path: '/v1/stream', query: '', json: this.#json };
      this.#connection = this.#world.network.connect(upgrade, this, () => {
        this.#oracle = new StreamOracle(this.#world.oracle, this.#world.history);
        return this.#oracle;
      });
    });
  }

  #welcomed(frame: WireFrame): void {
    const { epoch } = frame[1] as { epoch: string };
    this.#isWelcome = true;
    this.#names.clear();
    const { config } = this.#world.scenario;
    // Where the server keeps nothing, numbers begin anew.
    if (epoch !== this.#epoch && config.store.directory === '') this.#seen.clear();
    this.#epoch = epoch;
    const again = [...this.#patterns];
    this.#patterns.clear();
    if (again.length > 0) this.#subscribe(again);
  }

  #name(idsAndSymbols: readonly (number | string)[]): void {
    for (let at = 0; at < idsAndSymbols.length; at += 2) {
      this.#names.set(idsAndSymbols[at] as number, idsAndSymbols[at + 1] as string);
    }
  }

  #saw(tuples: readonly (readonly number[])[]): void {
    for (const [symbolId, sequence] of tuples as [number, number][]) {
      this.#seen.set(this.#names.get(symbolId) ?? '', sequence);
    }
  }

  #actSoon(): void {
    const { random, scenario, scheduler } = this.#world;
    const delayMs = (20_000 / scenario.pace) * random.float();
    scheduler.after(delayMs, Thread.OUTSIDE, 'subscriber acts', () => {
      this.#actSoon();
      this.#act();
    });
  }

  #act(): void {
    const connection = this.#connection;
    if (!this.#isWelcome || connection?.isClientOpen !== true) {
      // One that does not read WELCOME does not come further.
      if (this.#world.isCalm) connection?.read(Reading.ALL);
      return;
    }
    if (this.#world.isCalm) connection.read(Reading.ALL);
    else this.#whim(connection);
  }

  #whim(connection: SimulatedConnection): void {
    const { random, scenario } = this.#world;
    switch (random.below(16)) {
      case 0:
        connection.leave(1001);
        return;
      case 1:
        connection.break();
        return;
      case 2:
      case 3:
        connection.read(random.pick([Reading.PARTS, Reading.CRAWL, Reading.NOTHING]));
        return;
      case 4:
      case 5:
        connection.read(Reading.ALL);
        return;
      case 6:
      case 7:
        for (let i = random.chance(0.05) ? 20 : 1; i > 0; i--) this.verify();
        return;
      case 8:
        this.#askHistory();
        return;
      case 9:
        this.#send([Op.PING, random.below(1000)]);
        return;
      case 10:
        if (random.chance(0.3)) {
          connection.transmit({ data: this.#json ? '[4' : Uint8Array.of(0x91), frame: ['junk'] });
        }
        return;
      case 11:
      case 12:
        this.#unsubscribe();
        return;
      default:
        this.#subscribe(
          Array.from({ length: 1 + random.below(3) }, () => this.#pattern(scenario.symbols)),
        );
    }
  }

  #pattern(symbols: readonly string[]): string {
    const { random } = this.#world;
    const symbol = random.pick(symbols);
    switch (random.below(8)) {
      case 0:
        return '*';
      case 1:
        return `${symbol.slice(0, 2)}*`;
      case 2:
        return `*${symbol.slice(-1)}`;
      case 3:
        return random.pick(['', `NEW-${random.below(8)}`, 'NEW-*', ' *', '*-*']);
      default:
        return symbol;
    }
  }

  #subscribe(patterns: readonly string[]): void {
    const { random } = this.#world;
    const options: Record<string, unknown> = {};
    if (random.chance(0.2)) options.fields = random.pick(MASKS);
    if (random.chance(0.1)) options.stats = false;
    if (random.chance(0.1)) options.anomalies = false;
    if (random.chance(0.1)) options.conflateMs = random.pick([0, 5, 50, 300]);
    if (random.chance(0.5)) options.since = this.#since();
    for (const pattern of patterns) this.#patterns.add(pattern);
    this.#send([Op.SUBSCRIBE, ++this.#requestId, patterns, options]);
  }

  #since(): Record<string, number> {
    const { random } = this.#world;
    const since: Record<string, number> = {};
    for (const [symbol, sequence] of this.#seen) {
      since[symbol] = random.chance(0.8) ? sequence : random.below(sequence + 3);
    }
    return since;
  }

  #unsubscribe(): void {
    const { random } = this.#world;
    const patterns = [...this.#patterns].filter(() => random.chance(0.5));
    for (const pattern of patterns) this.#patterns.delete(pattern);
    this.#send([Op.UNSUBSCRIBE, ++this.#requestId, patterns]);
  }

  #askHistory(): void {
    const { random, scenario } = this.#world;
    const symbol = random.pick(scenario.symbols);
    const after = random.below((this.#seen.get(symbol) ?? 0) + 3);
    this.#send([Op.HISTORY, ++this.#requestId, symbol, after, 1 + random.below(20)]);
  }

  #send(frame: WireFrame): void {
    this.#connection?.transmit({ data: encodeMessage(frame, this.#json), frame });
  }
}
