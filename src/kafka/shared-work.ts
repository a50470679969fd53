import type { Config } from '../config/schema.ts';
import type { GatewayContext } from '../gateway/index.ts';

/** A cluster, as those who write records to a topic know it. */
export type SharedRecords = Pick<NonNullable<GatewayContext['cluster']>, 'isOwn' | 'records'>;

/** Kinds of work of which, in a cluster, one member at a time does a piece. */
export const SHARED_WORK = {
  /** To read partitions of a topic. */
  ticks: (topic: string) => `kafka.ticks/${topic}`,
  /** To write records to a topic. */
  records: (topic: string) => `kafka.records/${topic}`,
};

/** What a member with this configuration can do. */
export function sharedWorkOf({ kafka }: Config): readonly string[] {
  const { alertsTopic, anomaliesTopic, ticksTopics } = kafka;
  const isNamed = (topic: string) => topic !== '';
  return [
    ...ticksTopics.split(',').filter(isNamed).map(SHARED_WORK.ticks),
    ...[anomaliesTopic, alertsTopic].filter(isNamed).map(SHARED_WORK.records),
  ];
}
