import * as z from 'zod';
import { choice, path, secret, text } from './key-types.ts';

const ANY_TEXT = { pattern: /^[^\0]*$/, expected: 'text' };
/** A source makes a publisher of it: the name kafka.TOPIC.PARTITION has up to 64 characters. */
const SOURCE_TOPIC = '[A-Za-z0-9._-]{1,50}';
const TOPIC = /^([A-Za-z0-9._-]{1,249})?$/;
const TOPIC_EXPECTED = 'a topic: up to 249 characters of A-Z a-z 0-9 . _ -';

const POINTER = /^(\/[^\0]*)?$/;
const POINTER_EXPECTED = 'a JSON pointer such as /data/price';

export const kafka = z.strictObject({
  brokers: text('Kafka brokers. Empty: no Kafka.', {
    pattern: /^([^\s,:/]+:\d{1,5}(,[^\s,:/]+:\d{1,5})*)?$/,
    expected: 'addresses such as 10.0.0.1:9092, separated by commas',
    default: '',
  }),
  tls: choice('Whether to connect to brokers by TLS.', ['no', 'yes'], 'no'),
  tlsCaFile: path('The authority of the brokers, PEM. Empty: those of the system.'),
  saslMechanism: choice(
    'How to log in to brokers.',
    ['none', 'PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'],
    'none',
  ),
  username: text('The name to log in with.', { ...ANY_TEXT, default: '' }),
  password: secret('The password to log in with.', ANY_TEXT),
  anomaliesTopic: text('The topic that gets every anomaly. Empty: none.', {
    pattern: TOPIC,
    expected: TOPIC_EXPECTED,
    default: '',
  }),
  alertsTopic: text('The topic that gets every alert. Empty: none.', {
    pattern: TOPIC,
    expected: TOPIC_EXPECTED,
    default: '',
  }),
  ticksTopics: text('Topics whose messages are ticks. Empty: none.', {
    pattern: new RegExp(`^(${SOURCE_TOPIC}(,${SOURCE_TOPIC})*)?$`),
    expected: 'topics of up to 50 characters of A-Z a-z 0-9 . _ -, separated by commas',
    default: '',
  }),
  ticksFrom: choice(
    'Where a partition begins of which nothing has been read yet.',
    ['earliest', 'latest'],
    'earliest',
  ),
  symbolPointer: text('Where the symbol is in a JSON message. Empty: the member symbol.', {
    pattern: POINTER,
    expected: POINTER_EXPECTED,
    default: '',
  }),
  pricePointer: text('Where the price is. Empty: the member price.', {
    pattern: POINTER,
    expected: POINTER_EXPECTED,
    default: '',
  }),
  timePointer: text('Where the time is. Empty: the member timestamp.', {
    pattern: POINTER,
    expected: POINTER_EXPECTED,
    default: '',
  }),
});

interface KafkaConfig {
  readonly kafka: Readonly<z.output<typeof kafka>>;
}

/**
 * Refuses settings of Kafka that cannot do what they say.
 *
 * @throws Error that names the first one
 */
export function checkKafka({ kafka }: KafkaConfig): void {
  const { alertsTopic, anomaliesTopic, brokers, ticksTopics } = kafka;
  const written = [anomaliesTopic, alertsTopic].filter((topic) => topic !== '');
  const read = ticksTopics.split(',').filter((topic) => topic !== '');
  const topics = [...written, ...read];
  if (brokers === '' && topics.length > 0) {
    throw new Error(
      `kafka.brokers: expected addresses, as topics are named (${topics.join(', ')})`,
    );
  }
  const twice = topics.find((topic, i) => topics.indexOf(topic) < i);
  if (twice !== undefined) throw new Error(`kafka: the topic ${twice} is named twice`);
  if (kafka.tlsCaFile !== '' && kafka.tls === 'no') {
    throw new Error('kafka.tlsCaFile needs kafka.tls: yes');
  }
  if (kafka.username !== '' && kafka.saslMechanism === 'none') {
    throw new Error('kafka.username needs kafka.saslMechanism');
  }
}
