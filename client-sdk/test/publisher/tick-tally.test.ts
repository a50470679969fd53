import { expect, it } from 'vitest';
import { TickTally } from '../../src/publisher/tick-tally.ts';

/** The tally of some sent ticks, which must be in exactly one total each. */
function totalsOf(tally: TickTally, sent: number, unacknowledged: number) {
  const totals = tally.totals(sent, unacknowledged, 0);
  const { accepted, rejected, dropped, resumed } = totals;
  expect(accepted + rejected + dropped + resumed + unacknowledged).toBe(sent);
  return { accepted, rejected, dropped, resumed };
}

it('counts what is acknowledged, where counts come with their acknowledgement', () => {
  const tally = new TickTally();
  tally.restart(0);
  tally.note(7, 2, 1, 10);
  expect(totalsOf(tally, 15, 5)).toEqual({ accepted: 7, rejected: 2, dropped: 1, resumed: 0 });
});

it('counts no tick twice, where counts run ahead of acknowledgements', () => {
  const tally = new TickTally();
  tally.restart(0);
  // All 100 were processed, none is saved.
  tally.note(98, 2, 0, 0);
  expect(totalsOf(tally, 100, 100)).toMatchObject({ accepted: 0, rejected: 0 });
  tally.note(98, 2, 0, 60);
  expect(totalsOf(tally, 100, 40)).toMatchObject({ accepted: 58, rejected: 2 });
  // The connection is lost; the next one says that 30 more are saved.
  tally.restart(30);
  expect(totalsOf(tally, 100, 10)).toMatchObject({ accepted: 58, rejected: 2, resumed: 30 });
  tally.note(10, 0, 0, 0);
  expect(totalsOf(tally, 100, 10)).toMatchObject({ accepted: 58 });
  tally.note(10, 0, 0, 10);
  expect(totalsOf(tally, 100, 0)).toEqual({ accepted: 68, rejected: 2, dropped: 0, resumed: 30 });
});
