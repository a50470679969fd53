import { pack } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { TickMessages } from '../../src/messages/tick-messages.ts';

const TIME = 1_700_000_000_000;
/** Of the message itself. */
const STORED = TIME + 5;
const PLAIN = { symbolPointer: '', pricePointer: '', timePointer: '' };

function read(value: string | Uint8Array | null, pointers = PLAIN, ticksMax = 10) {
  const bytes = value === null ? null : Buffer.from(value);
  return new TickMessages(pointers).read({ timestamp: STORED, value: bytes }, ticksMax);
}

const json = (value: unknown) => JSON.stringify(value);

describe('the ticks of a message', () => {
  const one = { symbol: 'A', price: 1.5, time: TIME };

  it.each([
    ['an object', json({ symbol: 'A', price: 1.5, timestamp: TIME, other: [] }), [one]],
    ['RFC 3339', json({ symbol: 'A', price: 1.5, timestamp: '2023-11-14T22:13:20Z' }), [one]],
    ['texts', json({ symbol: 'A', price: '1.5', timestamp: String(TIME) }), [one]],
    ['no time', json({ symbol: 'A', price: 1.5 }), [{ ...one, time: STORED }]],
    ['a null time', json(['A', 1.5, null]), [{ ...one, time: STORED }]],
    ['objects', json([{ symbol: 'A', price: 1.5, timestamp: TIME }, {}]), [one, {}]],
    ['flat JSON', json(['A', 1.5, TIME, 'B', 2, TIME]), [one, { ...one, symbol: 'B', price: 2 }]],
    ['MessagePack', pack(['A', 1.5, TIME]), [one]],
    ['MessagePack without a time', pack(['A', 1.5, null]), [{ ...one, time: STORED }]],
    ['an array of none', '[]', []],
    ['no members', '{}', [{ symbol: undefined, price: undefined, time: STORED }]],
  ])('are taken from %s', (_name, value, ticks) => {
    expect(read(value)).toMatchObject(ticks);
    expect(read(value)).toHaveLength(ticks.length);
  });

  it.each([
    ['empty', null],
    ['empty', ''],
    ['not_json', 'A'],
    ['not_json', Buffer.of(0x22, 0xff, 0x22)],
    ['shape', '7'],
    ['shape', 'null'],
    ['shape', json(['A', 1.5])],
    ['shape', json([{}, 1])],
    ['shape', pack(['A', 1.5])],
    ['not_message_pack', Buffer.of(0x93, 0xa1, 0x41)],
    ['not_message_pack', Buffer.concat([pack(['A', 1, 2]), Buffer.of(0)])],
    ['too_many', json(Array.from({ length: 33 }, () => 1))],
  ])('are %s in %j', (reason, value) => {
    expect(read(value)).toBe(reason);
  });

  it('are found by pointers', () => {
    const pointers = { symbolPointer: '/data/0/s', pricePointer: '/a~1b', timePointer: '/~0' };
    const value = json({ data: [{ s: 'A' }], 'a/b': 1.5, '~': TIME, symbol: 'no' });
    expect(read(value, pointers)).toEqual([one]);
  });

  it('are not found in what a value inherits', () => {
    const pointers = { ...PLAIN, symbolPointer: '/constructor/name' };
    expect(read('{}', pointers)).toMatchObject([{ symbol: undefined }]);
  });
});
