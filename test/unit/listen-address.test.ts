import { describe, expect, it } from 'vitest';
import {
  authorityOf,
  type Listener,
  listenOnAll,
} from '../../src/gateway/transport/listen-address.ts';

const TAKEN = Object.assign(new Error('taken'), { code: 'EADDRINUSE' });
const ABSENT = Object.assign(new Error('absent'), { code: 'EADDRNOTAVAIL' });

describe('authorityOf', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1:9001'],
    ['localhost', 'localhost:9001'],
    ['::1', '[::1]:9001'],
    ['::', '[::]:9001'],
    ['fe80::1%eth0', '[fe80::1%eth0]:9001'],
  ])('writes %s as in a URL', (host, authority) => {
    expect(authorityOf(host, 9001)).toBe(authority);
  });
});

describe('listenOnAll', () => {
  const both = () => Promise.resolve(['127.0.0.1', '::1']);

  /** Listens; a free port is 41 first, then 42, and so on. */
  class Ports {
    readonly open = new Set<string>();
    #free = 40;

    readonly listen =
      (faults: Readonly<Record<string, Error>>) =>
      async (address: string, port: number): Promise<Listener> => {
        const own = port === 0 ? ++this.#free : port;
        const place = `${address} ${own}`;
        const fault = faults[place] ?? faults[address];
        if (fault !== undefined) throw fault;
        this.open.add(place);
        return { port: own, stop: () => this.open.delete(place) };
      };
  }

  it('takes another free port where the first is in use on the second address', async () => {
    const ports = new Ports();
    const listen = ports.listen({ '::1 41': TAKEN });
    const listeners = await listenOnAll({ host: 'localhost', port: 0 }, listen, both);
    expect(listeners.map(({ port }) => port)).toEqual([42, 42]);
    expect([...ports.open]).toEqual(['127.0.0.1 42', '::1 42']);
  });

  it('gives up where no port is free on both, and a port that was asked for at once', async () => {
    const ports = new Ports();
    const listen = ports.listen({ '::1': TAKEN });
    const any = listenOnAll({ host: 'localhost', port: 0 }, listen, both);
    await expect(any).rejects.toThrow('Cannot listen on [::1]:0: the port is in use (EADDRINUSE)');
    const given = listenOnAll({ host: 'localhost', port: 9001 }, listen, both);
    await expect(given).rejects.toThrow('Cannot listen on [::1]:9001: the port is in use');
    expect([...ports.open]).toEqual([]);
  });

  it('leaves out addresses that the machine lacks, unless it lacks all', async () => {
    const ports = new Ports();
    const host = 'localhost';
    const some = ports.listen({ '::1': ABSENT });
    expect(await listenOnAll({ host, port: 9001 }, some, both)).toHaveLength(1);
    expect([...ports.open]).toEqual(['127.0.0.1 9001']);
    const none = ports.listen({ '::1': ABSENT, '127.0.0.1': ABSENT });
    await expect(listenOnAll({ host, port: 9002 }, none, both)).rejects.toThrow(
      'Cannot listen on localhost:9002: this machine has no such address (EADDRNOTAVAIL)',
    );
  });
});
