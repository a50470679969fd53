import type { Config } from './schema.ts';

/**
 * Refuses settings of Kafka that cannot do what they say.
 *
 * @throws Error that names the first one
 */
export function checkKafka({ kafka }: Config): void {
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
