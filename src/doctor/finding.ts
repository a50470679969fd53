import type { Config } from '../config/schema.ts';

/** What a check found. */
export interface Finding {
  /** `fault`: the server would not start, or would fail soon. */
  readonly verdict: 'ok' | 'warning' | 'fault';
  readonly subject: string;
  readonly found: string;
  /** What to do about it. */
  readonly remedy?: string;
}

/** Looks at one thing that a server with this configuration needs. Changes nothing. */
export type Check = (config: Config) => Finding[] | Promise<Finding[]>;

export const messageOf = (error: unknown) =>
  error instanceof Error ? error.message : String(error);
