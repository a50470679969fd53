import { expect, onTestFinished } from 'vitest';
import { type ConnectOptions, IndependentClient } from '../../testkit/independent/client.ts';
import { IndependentPublisher } from '../../testkit/independent/publisher.ts';
import { IndependentSubscriber } from '../../testkit/independent/subscriber.ts';
import { upgrade } from './raw-http.ts';

/** A subscriber for one test; a protocol violation by the server fails the test. */
export async function subscriberForTest(
  port: number,
  options?: ConnectOptions,
): Promise<IndependentSubscriber> {
  return watched(await IndependentSubscriber.connect(port, options));
}

/** A publisher for one test; likewise. */
export async function publisherForTest(
  port: number,
  name?: string,
  options?: ConnectOptions,
): Promise<IndependentPublisher> {
  return watched(await IndependentPublisher.connect(port, name, options));
}

/** A publisher, and a subscriber to a symbol of its own, for one test. */
export async function pairForTest(
  port: number,
  options?: Parameters<IndependentSubscriber['subscribe']>[1],
) {
  const symbol = unique('S');
  const publisher = await publisherForTest(port, unique('feed'));
  const subscriber = await subscriberForTest(port);
  await subscriber.subscribe([symbol], options);
  return { symbol, publisher, subscriber };
}

/** A raw connection, for clients that break the protocol. */
export async function clientForTest(
  port: number,
  path: string,
  options?: ConnectOptions,
): Promise<IndependentClient> {
  return watched(await IndependentClient.open(port, path, options));
}

/** A connection that may be refused. */
export async function dialForTest(
  port: number,
  path: string,
  options?: ConnectOptions,
): Promise<IndependentClient> {
  const client = await IndependentClient.dial(port, path, options);
  onTestFinished(() => client.close());
  return client;
}

function watched<Client extends IndependentClient>(client: Client): Client {
  onTestFinished(() => {
    client.close();
    expect(client.violations).toEqual([]);
  });
  return client;
}

let lastName = 0;

/** A name or symbol unique in this file. */
export function unique(prefix: string): string {
  lastName++;
  return `${prefix}${lastName}`;
}

/** Status of a refused upgrade. */
export async function refusalStatus(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<number> {
  const { socket, status } = await upgrade(port, path, { headers });
  socket?.destroy();
  return status;
}
