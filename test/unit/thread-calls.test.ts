import { EventEmitter } from 'node:events';
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { CallQueue, CallRefusedError } from '../../src/threads/call-queue.ts';
import { answerCalls, Moved, ThreadCaller } from '../../src/threads/thread-calls.ts';

const functions = {
  add: ([a, b]: [number, number]) => a + b,
  later: async (ms: number) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return ms;
  },
  fail: (message: string): void => {
    throw new RangeError(message);
  },
  doubled: (values: Float64Array<ArrayBuffer>) => {
    const result = values.map((value) => 2 * value);
    return new Moved(result, [result.buffer]);
  },
};

/** A worker whose thread is this one, at the other end of a channel. */
class LocalWorker extends EventEmitter {
  readonly #port: MessagePort;
  refs: string[] = [];

  constructor(port: MessagePort) {
    super();
    this.#port = port;
    port.on('message', (message) => this.emit('message', message));
    port.on('close', () => this.emit('exit', 0));
  }

  postMessage(message: unknown, transferred: ArrayBuffer[]): void {
    this.#port.postMessage(message, transferred);
  }

  ref(): void {
    this.refs.push('ref');
  }

  unref(): void {
    this.refs.push('unref');
  }

  async terminate(): Promise<void> {
    this.#port.close();
  }
}

async function startThread() {
  const { port1, port2 } = new MessageChannel();
  const worker = new LocalWorker(port1);
  const toError = ({ name, message }: { name: string; message: string }) =>
    new Error(`${name}: ${message}`);
  const caller = new ThreadCaller<typeof functions>(worker as unknown as Worker, 'test', toError);
  const closed: string[] = [];
  answerCalls(port2, functions, () => void closed.push('closed'));
  await caller.ready;
  return { caller, closed, worker };
}

describe('a thread', () => {
  it('answers calls, moves buffers, and reports what its functions throw', async () => {
    const { caller } = await startThread();
    expect(await caller.call('add', [1, 2])).toBe(3);
    const values = Float64Array.of(1, 2, 3);
    const doubled = await caller.call('doubled', new Moved(values, [values.buffer]));
    expect([...doubled]).toEqual([2, 4, 6]);
    expect(values).toHaveLength(0);
    await expect(caller.call('fail', 'no')).rejects.toThrow('RangeError: no');
    await expect(caller.call('absent' as 'add', [0, 0])).rejects.toThrow('TypeError');
    expect(await caller.call('add', [2, 2])).toBe(4);
    await caller.close();
  });

  it('keeps the process alive while a call is open, and no longer', async () => {
    const { caller, worker } = await startThread();
    worker.refs = [];
    const both = [caller.call('later', 5), caller.call('later', 1)];
    expect(await Promise.all(both)).toEqual([5, 1]);
    expect(worker.refs).toEqual(['ref', 'ref', 'unref']);
    await caller.close();
  });

  it('answers what is open before it is closed; refuses what comes after its end', async () => {
    const { caller, closed } = await startThread();
    const open = caller.call('add', [3, 4]);
    await caller.close();
    expect(await open).toBe(7);
    expect(closed).toEqual(['closed']);
    expect(caller.isAlive).toBe(false);
    await expect(caller.call('add', [1, 1])).rejects.toThrow('the test thread has ended');
    await caller.close();
  });

  it('fails the calls that are open when it dies, with the reason', async () => {
    const { caller, worker } = await startThread();
    const open = caller.call('later', 60_000);
    worker.emit('error', new Error('out of memory'));
    await caller.terminate();
    await expect(open).rejects.toThrow('the test thread has failed: out of memory');
  });
});

/** Calls that end when the test says so. */
class HeldCalls {
  readonly begun: string[] = [];
  readonly #ends = new Map<string, (isGood: boolean) => void>();

  call(name: string): () => Promise<string> {
    return () => {
      this.begun.push(name);
      return new Promise((resolve, reject) => {
        this.#ends.set(name, (isGood) => {
          if (isGood) resolve(name);
          else reject(new Error(name));
        });
      });
    };
  }

  async end(name: string, isGood = true): Promise<void> {
    this.#ends.get(name)?.(isGood);
    await new Promise(setImmediate);
  }
}

describe('the queue before a thread', () => {
  it('holds back all but two calls, and serves the rest in order', async () => {
    const calls = new HeldCalls();
    const queue = new CallQueue(10);
    const answers = ['a', 'b', 'c', 'd'].map((name) => queue.run(calls.call(name)));
    const failed = expect(answers[1]).rejects.toThrow('b');
    expect(calls.begun).toEqual(['a', 'b']);
    await calls.end('b', false);
    expect(calls.begun).toEqual(['a', 'b', 'c']);
    await calls.end('a');
    await calls.end('c');
    await calls.end('d');
    await failed;
    expect(await Promise.all([answers[0], answers[2], answers[3]])).toEqual(['a', 'c', 'd']);
    expect(queue.length).toBe(0);
  });

  it('refuses calls beyond its bound, but for those that go first', async () => {
    const calls = new HeldCalls();
    const queue = new CallQueue(2);
    const held = ['a', 'b', 'c', 'd'].map((name) => queue.run(calls.call(name)));
    await expect(queue.run(calls.call('e'))).rejects.toThrow(CallRefusedError);
    held.push(queue.run(calls.call('first'), { isFirst: true }));
    await calls.end('a');
    expect(calls.begun).toEqual(['a', 'b', 'first']);
    for (const name of ['b', 'first', 'c', 'd']) await calls.end(name);
    expect(await Promise.all(held)).toHaveLength(5);
  });

  it('does not begin what nobody waits for any more', async () => {
    const calls = new HeldCalls();
    const queue = new CallQueue(10);
    let isGone = false;
    const isWanted = () => !isGone;
    const held = ['a', 'b'].map((name) => queue.run(calls.call(name), { isWanted }));
    const unwanted = ['c', 'd'].map((name) => queue.run(calls.call(name), { isWanted }));
    const refused = unwanted.map((each) => expect(each).rejects.toThrow(CallRefusedError));
    const last = queue.run(calls.call('e'));
    isGone = true;
    await calls.end('a');
    expect(calls.begun).toEqual(['a', 'b', 'e']);
    await Promise.all(refused);
    await calls.end('b');
    await calls.end('e');
    expect(await Promise.all([...held, last])).toEqual(['a', 'b', 'e']);
  });
});
