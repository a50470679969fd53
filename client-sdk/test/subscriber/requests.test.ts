import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { fc } from '../../../testkit/fast-check.ts';
import { ServerError } from '../../src/connection/connection.ts';
import { RequestPacer, Requests } from '../../src/subscriber/requests.ts';

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

const DELAY_MS = 100;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

interface Request {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** The pacer and a model of it: open requests and their limit. */
class Rig {
  readonly #pacer = new RequestPacer();
  readonly #sent: Request[] = [];
  #finished = 0;
  #begun = 0;
  #open = 0;
  #openMax = Number.POSITIVE_INFINITY;
  #heldUntil = 0;

  run(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#begun++;
      const finish = () => {
        this.#finished++;
      };
      this.#pacer
        .run(() => new Promise<void>((resolve, reject) => this.#sent.push({ resolve, reject })))
        .then(finish, finish);
    }
  }

  answer(): void {
    const request = this.#sent.shift();
    if (request === undefined) return;
    request.resolve();
    this.#open--;
    this.#begun--;
    this.#openMax++;
  }

  refuse(): void {
    const request = this.#sent.shift();
    if (request === undefined) return;
    request.reject(new ServerError([30, 1, 9, 'too often', true, DELAY_MS]));
    this.#open--;
    this.#openMax = 1;
    this.#heldUntil = Date.now() + DELAY_MS;
  }

  /** The connection is lost; the next session starts over. */
  lose(): void {
    const error = new Error('connection closed');
    for (const { reject } of this.#sent.splice(0)) reject(error);
    this.#pacer.fail(error);
    this.#begun = 0;
    this.#open = 0;
    this.#openMax = Number.POSITIVE_INFINITY;
    this.#heldUntil = 0;
  }

  async check(): Promise<void> {
    await vi.advanceTimersByTimeAsync(0);
    if (Date.now() >= this.#heldUntil) {
      this.#open = Math.max(this.#open, Math.min(this.#begun, this.#openMax));
    }
    expect(this.#sent.length).toBe(this.#open);
  }

  async finish(total: number): Promise<void> {
    for (let i = 0; this.#begun > 0 && i < 10_000; i++) {
      await vi.advanceTimersByTimeAsync(DELAY_MS);
      this.answer();
      await this.check();
    }
    expect(this.#finished).toBe(total);
    expect(vi.getTimerCount()).toBe(0);
  }
}

it('opens as many requests as allowed, also after refusals and in new sessions', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 6 }) },
    { weight: 4, arbitrary: fc.constant('answer' as const) },
    { weight: 2, arbitrary: fc.constant('refuse' as const) },
    { weight: 2, arbitrary: fc.constant('wait' as const) },
    { weight: 1, arbitrary: fc.constant('lose' as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
      const rig = new Rig();
      let total = 0;
      for (const name of steps) {
        if (typeof name === 'number') {
          rig.run(name);
          total += name;
        } else if (name === 'wait') await vi.advanceTimersByTimeAsync(DELAY_MS * 0.6);
        else rig[name]();
        await rig.check();
      }
      await rig.finish(total);
    }),
    { numRuns: 100 },
  );
});
