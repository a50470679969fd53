import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Audit, type AuditEvent, type AuditRecord } from '../../src/access/index.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

type Line = Readonly<Record<string, unknown>>;

function newAudit() {
  const lines: Line[] = [];
  const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line) as Line) });
  return { audit: new Audit(log), lines };
}

it('writes a warning that says who did what', () => {
  const { audit, lines } = newAudit();
  audit.authenticationFailed({ address: '192.0.2.1', reason: 'unknown API key' });
  audit.forbidden({ address: '192.0.2.2', tokenId: 'jwt:a', subject: 'feed', reason: 'publish X' });
  audit.limited({ address: '192.0.2.3', tokenId: '', subject: '', reason: 'connections' });
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatchObject({
    level: 40,
    security: 'authenticationFailed',
    address: '192.0.2.1',
    reason: 'unknown API key',
    msg: 'authentication failed',
  });
  expect(lines[1]).toMatchObject({
    security: 'forbidden',
    tokenId: 'jwt:a',
    subject: 'feed',
    reason: 'publish X',
  });
  expect(lines[2]).toMatchObject({ security: 'limited', reason: 'connections' });
  expect(Object.keys(lines[2] ?? {})).not.toContain('tokenId');
  const counts = { authenticationFailed: 1, forbidden: 1, limited: 1, originRefused: 0 };
  expect(audit.counts).toEqual(counts);
});

it('writes one line a second for each event and address, with the number omitted', () => {
  const { audit, lines } = newAudit();
  const fail = (reason: string) => audit.authenticationFailed({ address: 'a', reason });
  for (let count = 0; count < 100; count += 1) fail(`${count}`);
  audit.authenticationFailed({ address: 'b', reason: 'of b' });
  audit.limited({ address: 'a', reason: 'another event' });
  expect(lines.map(({ reason }) => reason)).toEqual(['0', 'of b', 'another event']);
  vi.advanceTimersByTime(999);
  expect(lines).toHaveLength(3);
  vi.advanceTimersByTime(1);
  expect(lines.slice(3)).toMatchObject([{ address: 'a', reason: '99', leftOut: 98 }]);
  fail('again');
  expect(lines).toHaveLength(4);
  vi.advanceTimersByTime(1000);
  expect(lines[4]).toMatchObject({ reason: 'again' });
  expect(lines[4]).not.toHaveProperty('leftOut');
  expect(audit.counts.authenticationFailed).toBe(102);
});

it('writes at once again after a quiet second, and then has forgotten', () => {
  const { audit, lines } = newAudit();
  audit.forbidden({ address: 'a', reason: '1' });
  vi.advanceTimersByTime(1000);
  expect(vi.getTimerCount()).toBe(0);
  audit.forbidden({ address: 'a', reason: '2' });
  expect(lines.map(({ reason }) => reason)).toEqual(['1', '2']);
});

it('is bounded, however many addresses there are', () => {
  const { audit, lines } = newAudit();
  for (let round = 0; round < 3; round += 1) {
    for (let index = 0; index < 10_000; index += 1) {
      audit.authenticationFailed({ address: `address ${index}`, reason: 'flood' });
    }
  }
  expect(vi.getTimerCount()).toBe(257);
  expect(lines).toHaveLength(257);
  vi.advanceTimersByTime(1000);
  // Each record has a line or is counted in one.
  const told = lines.reduce((sum, { leftOut }) => sum + 1 + Number(leftOut ?? 0), 0);
  expect(told).toBe(30_000);
  expect(audit.counts.authenticationFailed).toBe(30_000);
  vi.advanceTimersByTime(2000);
  expect(vi.getTimerCount()).toBe(0);
});

it.each<[AuditEvent, AuditRecord]>([
  ['authenticationFailed', { address: 'a', reason: 'r' }],
  ['forbidden', { address: 'a', tokenId: 't', subject: 's', reason: 'r' }],
  ['limited', { address: 'a', tokenId: undefined, reason: 'r' }],
  ['originRefused', { address: 'a', reason: 'r' }],
])('counts %s apart', (event, record) => {
  const { audit } = newAudit();
  for (let count = 0; count < 5; count += 1) audit[event](record);
  const none = { authenticationFailed: 0, forbidden: 0, limited: 0, originRefused: 0 };
  expect(audit.counts).toEqual({ ...none, [event]: 5 });
});

it('cuts a long reason', () => {
  const { audit, lines } = newAudit();
  audit.limited({ address: 'a', reason: 'x'.repeat(10_000) });
  expect(lines[0]?.reason).toBe('x'.repeat(200));
});

it('writes one line a minute for a limit of the whole server, whoever meets it', () => {
  const { audit, lines } = newAudit();
  for (let i = 0; i < 300; i++) audit.serverLimited({ address: `a-${i}`, reason: 'connections' });
  expect(lines).toHaveLength(1);
  vi.advanceTimersByTime(59_000);
  expect(lines).toHaveLength(1);
  vi.advanceTimersByTime(1_000);
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatchObject({ security: 'limited', reason: 'connections', leftOut: 298 });
  expect(audit.counts.limited).toBe(300);
  vi.advanceTimersByTime(60_000);
  expect(vi.getTimerCount()).toBe(0);
});
