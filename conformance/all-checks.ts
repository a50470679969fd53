import type { Check } from './check.ts';
import { realPublishingChecks } from './publisher/real-server.ts';
import { sequenceChecks } from './publisher/sequences.ts';
import { settlingChecks } from './publisher/settling.ts';
import { alertChecks } from './subscriber/alerts.ts';
import { anomalyChecks } from './subscriber/anomalies.ts';
import { connectingChecks } from './subscriber/connecting.ts';
import { encodingChecks } from './subscriber/encoding.ts';
import { entryChecks } from './subscriber/entries.ts';
import { idChecks } from './subscriber/ids.ts';
import { livenessChecks } from './subscriber/liveness.ts';
import { realServerChecks } from './subscriber/real-server.ts';
import { reconnectingChecks } from './subscriber/reconnecting.ts';
import { requestChecks } from './subscriber/requests.ts';
import { verifyingChecks } from './subscriber/verifying.ts';

const ALL: readonly Check[] = [
  ...connectingChecks,
  ...encodingChecks,
  ...entryChecks,
  ...idChecks,
  ...requestChecks,
  ...verifyingChecks,
  ...anomalyChecks,
  ...alertChecks,
  ...livenessChecks,
  ...reconnectingChecks,
  ...realServerChecks,
  ...sequenceChecks,
  ...settlingChecks,
  ...realPublishingChecks,
];

/** Every promise, subscribers' first. */
export const CHECKS: readonly Check[] = [
  ...ALL.filter(({ role }) => role === 'subscriber'),
  ...ALL.filter(({ role }) => role === 'publisher'),
];
