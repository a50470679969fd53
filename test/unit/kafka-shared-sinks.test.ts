import { describe, expect, it, onTestFinished } from 'vitest';
import { OutputRecords } from '../../src/cluster/output-records.ts';
import type { KafkaMessage, KafkaProducer } from '../../src/kafka/client.ts';
import { anomalyMessage } from '../../src/kafka/record-messages.ts';
import { SharedRecordSinks } from '../../src/kafka/shared-record-sinks.ts';
import { Random } from '../../testkit/random.ts';
import { delay, until } from '../../testkit/until.ts';
import { RaisedRecords } from '../support/raised-records.ts';
import { SimulatedBroker } from '../support/simulated-bus.ts';

const TOPIC = 'moves';
const PARTITIONS = 3;
const LEASE_MS = 400;
const PACE = { lookMs: 10, saveMs: 50, retryMs: 50 };
const SYMBOLS = ['A', 'B', 'C', 'D', 'E', 'F'];
const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A topic whose broker fails as Kafka does; the real one is in the deep tests. */
class MemoryTopic {
  readonly stored: KafkaMessage[] = [];
  isUp = true;
  /** Probability of a send that fails, and of one that is stored and fails. */
  faults = { lost: 0, unanswered: 0 };
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }
}

class MemoryProducer implements KafkaProducer {
  isDead = false;
  readonly #topic: MemoryTopic;
  /** What a broker knows a repeated batch by. */
  readonly #known = new WeakSet<readonly KafkaMessage[]>();

  constructor(topic: MemoryTopic) {
    this.#topic = topic;
  }

  async partitionOf(_topic: string, key: string): Promise<number> {
    this.#check();
    return key.charCodeAt(0) % PARTITIONS;
  }

  async send(_topic: string, _partition: number, messages: readonly KafkaMessage[]): Promise<void> {
    const { faults, random } = this.#topic;
    await delay(random.below(4));
    this.#check();
    if (random.chance(faults.lost)) throw new Error('lost');
    if (!this.#known.has(messages)) this.#topic.stored.push(...messages);
    this.#known.add(messages);
    if (random.chance(faults.unanswered)) throw new Error('stored, and not answered');
  }

  async close(): Promise<void> {
    this.isDead = true;
  }

  #check(): void {
    if (this.isDead || !this.#topic.isUp) throw new Error('Kafka is away');
  }
}

/** Members that share a topic; one of them is to write it. */
class Sharing {
  readonly random: Random;
  readonly broker: SimulatedBroker;
  readonly topic: MemoryTopic;
  readonly members = new Map<string, Member>();
  readonly #all: Member[] = [];
  raised!: RaisedRecords;
  /** Whose work it is, as all agree in the end. */
  chosen = '';

  private constructor(seed: number) {
    this.random = new Random(seed);
    this.broker = new SimulatedBroker(this.random);
    this.topic = new MemoryTopic(this.random);
  }

  static async open(seed: number, perSubjectMax = 0): Promise<Sharing> {
    const sharing = new Sharing(seed);
    sharing.raised = await RaisedRecords.open(sharing.broker.connect(), perSubjectMax);
    onTestFinished(() => sharing.end());
    return sharing;
  }

  join(): Member {
    const member = new Member(this, `m${this.#all.length}`);
    this.#all.push(member);
    this.members.set(member.id, member);
    return member;
  }

  /** Makes it another member's work. */
  choose(member: Member): void {
    this.chosen = member.id;
    for (const each of this.members.values()) each.looks();
  }

  /** What all members have counted as lost. */
  get lost(): number {
    return this.#all.reduce((total, { readings }) => total + (readings?.figures.lost ?? 0), 0);
  }

  /** Waits until all that was raised has been sent, or is known to be lost. */
  async settled(lost = 0): Promise<void> {
    const { stored } = this.topic;
    const ids = () => new Set(stored.map(({ value }) => JSON.parse(value).id));
    const wanted = this.raised.anomalies.length;
    await until(() => ids().size + lost >= wanted, `${wanted} records`);
  }

  /** Each symbol's messages are what was raised, in order, once those repeated are left out. */
  expectAll(): void {
    for (const symbol of SYMBOLS) {
      const raised = this.raised.anomalies.filter((anomaly) => anomaly.symbol === symbol);
      const expected = raised.map((anomaly) => anomalyMessage(anomaly).value);
      const sent = this.topic.stored.filter(({ key }) => key === symbol);
      expect([symbol, [...new Set(sent.map(({ value }) => value))]]).toEqual([symbol, expected]);
    }
  }

  async end(): Promise<void> {
    this.topic.isUp = true;
    this.topic.faults = { lost: 0, unanswered: 0 };
    this.broker.faults = {};
    await Promise.all(this.#all.map((member) => member.sinks.stop(0)));
  }
}

class Member {
  readonly id: string;
  readonly sinks: SharedRecordSinks;
  readonly producer: MemoryProducer;
  readonly bus;
  /** Whose work it is, as it knows. */
  #seen: string;
  readonly #sharing: Sharing;

  constructor(sharing: Sharing, id: string) {
    this.id = id;
    this.#sharing = sharing;
    this.#seen = sharing.chosen;
    const { broker, members, raised, topic } = sharing;
    this.bus = broker.connect();
    this.producer = new MemoryProducer(topic);
    const records = new OutputRecords({
      bus: this.bus,
      names: raised.names,
      member: id,
      isMember: (other: string) => members.has(other),
      patienceMs: LEASE_MS,
    });
    const { producer } = this;
    this.sinks = new SharedRecordSinks(
      { anomaliesTopic: TOPIC, alertsTopic: '', producer, log: QUIET, pace: PACE },
      { isOwn: () => this.#seen === id, records },
    );
  }

  get readings() {
    return this.sinks.readings.get(TOPIC);
  }

  /** Sees soon whose work it is, if it hears of the others then. */
  looks(): void {
    setTimeout(
      () => {
        if (this.bus.isConnected) this.#seen = this.#sharing.chosen;
      },
      this.#sharing.random.below(LEASE_MS / 4),
    );
  }

  /** Ends without a word. */
  kill(): void {
    this.producer.isDead = true;
    this.bus.isConnected = false;
    this.#seen = '';
    this.#sharing.members.delete(this.id);
    void this.sinks.stop(0);
  }
}

describe('a topic that members of a cluster share', () => {
  it.each([1, 2, 3])('gets all in order, whatever fails (seed %i)', async (seed) => {
    const sharing = await Sharing.open(seed);
    const { broker, random, raised, topic } = sharing;
    sharing.choose(sharing.join());
    sharing.join();
    // A topic gets what is raised once it has a writer.
    await until(() => broker.keys.get(raised.names.keys('positions'))?.size === 1);
    topic.faults = { lost: 0.1, unanswered: 0.1 };
    broker.faults = { unanswered: 0.1, delayMs: 2 };
    for (let i = 0; i < 400; i++) {
      await raised.raise(random.pick(SYMBOLS), random.between(1, 3)).catch(() => undefined);
      await delay(random.below(4));
      const writer = sharing.members.get(sharing.chosen) as Member;
      const event = i % 25 === 24 ? random.below(4) : undefined;
      if (event === 0) {
        writer.kill();
        sharing.join();
        sharing.choose(random.pick([...sharing.members.values()]));
      } else if (event === 1) sharing.choose(random.pick([...sharing.members.values()]));
      else if (event === 2) {
        topic.isUp = false;
        setTimeout(() => {
          topic.isUp = true;
        }, random.below(200));
      } else if (event === 3) {
        // It hears nothing of the others for a while, and goes on with what it has read.
        writer.bus.isConnected = false;
        sharing.members.delete(writer.id);
        const successor = sharing.join();
        sharing.choose(successor);
        setTimeout(() => {
          writer.bus.isConnected = true;
          sharing.members.set(writer.id, writer);
          writer.looks();
        }, random.below(300));
      }
    }
    topic.faults = { lost: 0, unanswered: 0 };
    broker.faults = {};
    await sharing.settled();
    sharing.expectAll();
    const repeated = topic.stored.length - raised.anomalies.length;
    expect(repeated).toBeLessThan(raised.anomalies.length);
  });

  it('gets none twice where members join, leave and are stopped as planned', async () => {
    const sharing = await Sharing.open(5);
    const { broker, random, raised, topic } = sharing;
    sharing.choose(sharing.join());
    await until(() => broker.keys.get(raised.names.keys('positions'))?.size === 1);
    for (let i = 0; i < 200; i++) {
      await raised.raise(random.pick(SYMBOLS), random.between(1, 3));
      await delay(random.below(4));
      if (i % 40 === 20) sharing.choose(sharing.join());
      if (i % 40 === 39) {
        const leaving = sharing.members.get(sharing.chosen) as Member;
        await leaving.sinks.stop(1000);
        sharing.members.delete(leaving.id);
        sharing.choose(sharing.join());
      }
    }
    await sharing.settled();
    sharing.expectAll();
    expect(topic.stored.length).toBe(raised.anomalies.length);
  });

  it('knows what the log dropped while Kafka was away and the writer died', async () => {
    const sharing = await Sharing.open(6, 16);
    const { broker, raised, topic } = sharing;
    const first = sharing.join();
    sharing.choose(first);
    await until(() => broker.keys.get(raised.names.keys('positions'))?.size === 1);
    for (const symbol of SYMBOLS) await raised.raise(symbol, 5);
    await sharing.settled();
    topic.isUp = false;
    await raised.raise('A');
    await until(() => first.readings?.figures.isFailing === true);
    // By then its position, and the numbers up to it, are saved.
    await delay(3 * PACE.saveMs);
    first.kill();
    for (const symbol of SYMBOLS) await raised.raise(symbol, 40);
    const second = sharing.join();
    sharing.choose(second);
    topic.isUp = true;
    const lost = 1 + 6 * 24;
    await sharing.settled(lost);
    await until(() => second.readings?.waiting === 0);
    expect(sharing.lost).toBe(lost);
    expect(topic.stored.length + lost).toBe(raised.anomalies.length);
  });
});
