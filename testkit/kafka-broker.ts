import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Admin, Consumer, Producer } from '@platformatic/kafka';
import { freePort, isListening, ManagedProcess } from './managed-process.ts';

/** Names the folder with the program's jars. */
const VARIABLE = 'KAFKA_LIBS';
const CLUSTER_ID = 'dGlja3dpcmUtdGVzdHMtMQ';
const JAVA_FLAGS = ['-Xms128m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const START_MS = 120_000;

/** How to get it. */
export const KAFKA_SOURCE =
  'Java 17 and the jars of Kafka 4: mvn --file testkit/kafka/pom.xml ' +
  `dependency:copy-dependencies -DoutputDirectory=FOLDER; ${VARIABLE}=FOLDER`;

/** The folder with the jars of Kafka; undefined if it, or Java, is not there. */
export async function findKafka(): Promise<string | undefined> {
  const folder = process.env[VARIABLE];
  if (folder === undefined) return undefined;
  try {
    await promisify(execFile)('java', ['-version']);
    return readdirSync(folder).some((name) => name.startsWith('kafka_')) ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** What a topic holds: a message of a partition. */
export interface StoredMessage {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly value: string;
}

/** Clients that must log in, over TLS. */
export interface KafkaSecurity {
  /** PEM: the broker's key, and its certificate. */
  readonly keyAndCertificate: string;
  readonly username: string;
  readonly password: string;
}

const SCRAM = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
const SECURITY_PACKAGE = 'org.apache.kafka.common.security';

/** A Kafka broker on this machine, alone, which survives being killed. */
export class KafkaBroker {
  readonly address: string;
  /** Where clients use TLS and log in, if there is security. */
  readonly securedAddress: string;
  readonly #libs: string;
  readonly #port: number;
  readonly #folder: string;
  #process: ManagedProcess | undefined;

  private constructor(libs: string, folder: string, port: number, securedPort: number) {
    this.#libs = libs;
    this.#folder = folder;
    this.#port = port;
    this.address = `127.0.0.1:${port}`;
    this.securedAddress = `127.0.0.1:${securedPort}`;
  }

  /**
   * Starts one and waits until it takes connections.
   *
   * @param security of a second address; undefined: there is none
   * @throws Error with the end of its output if it does not start
   */
  static async start(libs: string, security?: KafkaSecurity): Promise<KafkaBroker> {
    const folder = mkdtempSync(join(tmpdir(), 'tickwire-kafka-'));
    const [port, controller, secured] = [await freePort(), await freePort(), await freePort()];
    const broker = new KafkaBroker(libs, folder, port, secured);
    const listener = security === undefined ? '' : `,SASL_SSL://127.0.0.1:${secured}`;
    writeFileSync(
      broker.#configFile,
      [
        'process.roles=broker,controller',
        'node.id=1',
        `controller.quorum.voters=1@127.0.0.1:${controller}`,
        `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}${listener}`,
        `advertised.listeners=PLAINTEXT://127.0.0.1:${port}${listener}`,
        'controller.listener.names=CONTROLLER',
        `log.dirs=${join(folder, 'data')}`,
        'offsets.topic.replication.factor=1',
        'offsets.topic.num.partitions=1',
        'transaction.state.log.replication.factor=1',
        'transaction.state.log.min.isr=1',
        'auto.create.topics.enable=false',
        'group.initial.rebalance.delay.ms=0',
        ...(security === undefined ? [] : broker.#secure(security)),
        '',
      ].join('\n'),
    );
    const format = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID];
    if (security !== undefined) {
      const { password, username } = security;
      const user = `[name=${username},password=${password}]`;
      format.push(...SCRAM.flatMap((mechanism) => ['--add-scram', `${mechanism}=${user}`]));
    }
    try {
      await promisify(execFile)('java', broker.#java([...format, '-c', broker.#configFile]));
      await broker.restart();
    } catch (error) {
      await broker.stop();
      throw error;
    }
    return broker;
  }

  /** Kills it. */
  async kill(): Promise<void> {
    await this.#process?.end();
  }

  /** Starts it again. */
  async restart(): Promise<void> {
    this.#process = new ManagedProcess('java', this.#java(['kafka.Kafka', this.#configFile]));
    await this.#process.ready(() => isListening(this.#port), START_MS);
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async createTopic(topic: string, partitions = 3): Promise<void> {
    const admin = new Admin(this.#client);
    await admin.createTopics({ topics: [topic], partitions, replicas: 1 });
    await admin.close();
  }

  /** Stores messages in one partition. */
  async write(topic: string, partition: number, values: readonly (string | Buffer)[]) {
    const producer = new Producer(this.#client);
    const messages = values.map((value) => ({ topic, partition, value: Buffer.from(value) }));
    await producer.send({ messages, acks: -1 });
    await producer.close();
  }

  /** Stores messages in one partition by transactions of one producer, and ends each as it says. */
  async writeTransactions(
    topic: string,
    partition: number,
    transactions: readonly {
      readonly values: readonly string[];
      readonly end: 'commit' | 'abort';
    }[],
  ): Promise<void> {
    const producer = new Producer({
      ...this.#client,
      idempotent: true,
      transactionalId: `transactions-${topic}-${partition}`,
    });
    for (const { end, values } of transactions) {
      const transaction = await producer.beginTransaction();
      for (const value of values) {
        const message = { topic, partition, value: Buffer.from(value) };
        await transaction.send({ messages: [message], acks: -1 });
      }
      await transaction[end]();
    }
    await producer.close();
  }

  /** All that a topic holds, each partition in its order. */
  async read(topic: string): Promise<readonly StoredMessage[]> {
    const consumer = new Consumer({ ...this.#client, groupId: 'test' });
    const end = await consumer.listOffsets({ topics: [topic] });
    const partitions = end.get(topic) ?? [];
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', maxWaitTime: 100 });
    const stored: StoredMessage[] = [];
    let left = partitions.reduce((sum, offset) => sum + Number(offset), 0);
    if (left > 0) {
      for await (const { key, value, partition, offset } of stream) {
        const message = { key: String(key), value: String(value), offset: Number(offset) };
        stored.push({ ...message, partition });
        left--;
        if (left === 0) break;
      }
    }
    await stream.close();
    await consumer.close();
    return stored.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  }

  /** Lines of the configuration. */
  #secure({ keyAndCertificate, password, username }: KafkaSecurity): string[] {
    const keystore = join(this.#folder, 'broker.pem');
    writeFileSync(keystore, keyAndCertificate);
    const jaas = (mechanism: string, module: string, options = '') =>
      `listener.name.sasl_ssl.${mechanism.toLowerCase()}.sasl.jaas.config=` +
      `${SECURITY_PACKAGE}.${module} required${options};`;
    return [
      `sasl.enabled.mechanisms=PLAIN,${SCRAM.join(',')}`,
      jaas('PLAIN', 'plain.PlainLoginModule', ` user_${username}="${password}"`),
      ...SCRAM.map((mechanism) => jaas(mechanism, 'scram.ScramLoginModule')),
      // What is told here is the default no more.
      'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL',
      'inter.broker.listener.name=PLAINTEXT',
      'ssl.keystore.type=PEM',
      `ssl.keystore.location=${keystore}`,
    ];
  }

  get #client() {
    return { clientId: 'test', bootstrapBrokers: [this.address] };
  }

  get #configFile(): string {
    return join(this.#folder, 'server.properties');
  }

  #java(args: readonly string[]): string[] {
    return [...JAVA_FLAGS, '-cp', join(this.#libs, '*'), ...args];
  }
}
