import { expect, it } from 'vitest';
import { ServerError } from '../src/connection/connection.ts';
import { Requests } from '../src/subscriber/requests.ts';

const refusal = (requestId: number | null) =>
  new ServerError([30, requestId, 9, 'too often', true, null]);

it('a request takes one answer, or one refusal, and nothing after it', async () => {
  const requests = new Requests();
  const ids: number[] = [];
  const open = () =>
    requests.open(
      (id) => ids.push(id),
      (frame) => frame[2],
    );
  const [answered, refused, lost] = [open(), open(), open()];
  const [first, second] = ids as [number, number];
  requests.answer([26, first, 'a digest']);
  await expect(answered).resolves.toBe('a digest');
  expect(requests.refuse(refusal(first))).toBe(false);
  expect(requests.refuse(refusal(second))).toBe(true);
  await expect(refused).rejects.toMatchObject({ code: 9 });
  expect(requests.refuse(refusal(second))).toBe(false);
  expect(requests.refuse(refusal(null))).toBe(false);
  requests.fail(new Error('connection closed'));
  await expect(lost).rejects.toThrow('connection closed');
  expect(requests.refuse(refusal(ids[2] as number))).toBe(false);
  expect(new Set(ids).size).toBe(3);
});
