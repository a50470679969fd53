import { AlertQueue } from './alert-queue.ts';
import { FiringEpisodes, type SavedEpisodes } from './firing-episodes.ts';
import { slackMessage } from './formats/slack.ts';
import type { Outbox } from './outbox.ts';
import { type Message, post } from './request.ts';
import { Sink, type SinkLog } from './sink.ts';
import { alertJson, type HasEpisodes, idOf, type SinkAlert } from './sink-alert.ts';
import type { SinkFigures } from './sink-figures.ts';
import type { SinkSettings } from './sink-settings.ts';
import { type SinkConfig, shownTarget } from './target.ts';

/** The header that names an alert: receivers drop what they have. */
const ID_HEADER = 'x-tickwire-id';

/** Requests at a time where each has one alert. */
const JSON_REQUESTS_MAX = 4;
/** Lines of a message; Slack takes one a second, and few read more. */
const SLACK_ALERTS_MAX = 20;

export interface SinkContext {
  readonly figures: SinkFigures;
  readonly log: SinkLog;
  readonly hasEpisodes: HasEpisodes;
}

export function createSink(
  { settings, target }: SinkConfig,
  { figures, log, hasEpisodes }: SinkContext,
  saved?: SavedEpisodes,
): Sink {
  const { name, retryForMs, timeoutMs } = settings;
  return new Sink({
    shown: { sink: name, url: shownTarget(target) },
    retryForMs,
    outbox: createOutbox(settings, hasEpisodes, saved),
    figures,
    log,
    post: (message) => post(target, message, timeoutMs),
  });
}

export function createOutbox(
  settings: SinkSettings,
  hasEpisodes: HasEpisodes,
  saved?: SavedEpisodes,
): Outbox {
  const { format, queueMax: max } = settings;
  if (format === 'alertmanager') return new FiringEpisodes(settings, hasEpisodes, saved);
  return format === 'slack'
    ? new AlertQueue({ max, requestsMax: 1, batchMax: SLACK_ALERTS_MAX, format: slackBody })
    : new AlertQueue({ max, requestsMax: JSON_REQUESTS_MAX, batchMax: 1, format: jsonBody });
}

function slackBody(alerts: readonly SinkAlert[]): Message {
  return { body: JSON.stringify(slackMessage(alerts)), headers: {} };
}

function jsonBody([alert]: readonly SinkAlert[]): Message {
  if (alert === undefined) throw new RangeError('a request has one alert');
  return {
    body: JSON.stringify(alertJson(alert)),
    headers: { [ID_HEADER]: idOf(alert.alert) },
  };
}
