import { AlertLevel, AlertPhase, REASON_NAMES } from '../../protocol/index.ts';
import { durationText, type SinkAlert, summaryOf, timeText } from '../sink-alert.ts';

const COLORS: Readonly<Record<AlertLevel, string>> = {
  [AlertLevel.WARNING]: '#d97706',
  [AlertLevel.CRITICAL]: '#dc2626',
};
const OVER = '#16a34a';

/**
 * A message for an incoming webhook of Slack, and of others that take its format (Mattermost,
 * Rocket.Chat, Discord's `/slack`): one line an alert, beside a bar in the colour of its level.
 *
 * @param alerts at least one, oldest first
 */
export function slackMessage(alerts: readonly SinkAlert[]): object {
  const [first] = alerts;
  const text = alerts.length === 1 && first ? summaryOf(first) : `${alerts.length} alerts`;
  return {
    text: escaped(text),
    mrkdwn: false,
    attachments: alerts.map((each) => {
      const { alert } = each;
      const isOver = alert.phase === AlertPhase.END;
      const summary = escaped(summaryOf(each));
      return {
        color: isOver ? OVER : COLORS[alert.level],
        fallback: summary,
        // Once where it is the title already.
        text: alerts.length === 1 ? undefined : summary,
        footer: escaped(footerOf(each)),
        ts: Math.floor(alert.time / 1000),
        mrkdwn_in: [],
      };
    }),
  };
}

function footerOf({ alert }: SinkAlert): string {
  const { rule, episode, phase, count, time, startTime } = alert;
  const parts = [rule, `episode ${episode}`];
  if (count > 1) parts.push(`${count} ticks`);
  if (phase !== AlertPhase.START) parts.push(durationText(time - startTime));
  const reason = REASON_NAMES[alert.reason];
  if (reason !== undefined) parts.push(reason);
  return [...parts, timeText(time)].join(' · ');
}

/** Slack reads `&`, `<` and `>` as markup: a symbol must not call everybody in a channel. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
