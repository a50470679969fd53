import { expect, it } from 'vitest';
import { checkKafka } from '../../src/config/kafka-settings.ts';
import { parseConfig } from '../../src/config/parse-config.ts';

const brokers = '127.0.0.1:9092';

it.each([
  [{}],
  [{ brokers }],
  [{ brokers, ticksTopics: 'a,b', anomaliesTopic: 'c', alertsTopic: 'd' }],
  [{ brokers, tls: 'yes', tlsCaFile: 'ca.pem', saslMechanism: 'PLAIN', username: 'me' }],
] as const)('Kafka may be set to %j', (kafka) => {
  expect(() => checkKafka(parseConfig({ kafka }))).not.toThrow();
});

it.each([
  [{ ticksTopics: 'a,b' }, 'kafka.brokers: expected addresses, as topics are named (a, b)'],
  [{ brokers, ticksTopics: 'a,b,a' }, 'kafka: the topic a is named twice'],
  [{ brokers, anomaliesTopic: 'a', alertsTopic: 'a' }, 'kafka: the topic a is named twice'],
  [{ brokers, anomaliesTopic: 'a', ticksTopics: 'a' }, 'kafka: the topic a is named twice'],
  [{ brokers, tlsCaFile: 'ca.pem' }, 'kafka.tlsCaFile needs kafka.tls: yes'],
  [{ brokers, username: 'me' }, 'kafka.username needs kafka.saslMechanism'],
] as const)('Kafka may not be set to %j', (kafka, message) => {
  expect(() => checkKafka(parseConfig({ kafka }))).toThrow(message);
});
