import { Op } from '../../testkit/independent/protocol.ts';
import { Random } from '../../testkit/random.ts';
import type { Check } from '../check.ts';
import { expect } from '../expect.ts';
import { later } from '../rig.ts';
import { oneTick, type Values } from '../scripted/market.ts';

const SEED = 3;
const SYMBOLS = 40;

/** Proof that both sides hold the same. */
export const verifyingChecks: readonly Check[] = [
  {
    name: 'verify-equal',
    role: 'subscriber',
    promise: 'Computes the digest of VERIFY over what it holds, in ascending id.',
    section: 'VERIFY and DIGEST',
    async run(rig) {
      const rng = new Random(SEED);
      // Ids beyond a byte, and in another order than the names.
      const names = Array.from({ length: SYMBOLS }, (_, i) => `S${(i * 7) % SYMBOLS}`);
      for (let i = 0; i < 300; i++) rig.market.idOf(`other ${i}`);
      for (const name of names) rig.market.values.set(name, oneTick(rng.logUniform(1e-3, 1e6)));
      const { client, session } = await rig.subscriber(['*']);
      expect(await client.verify(), 'the digests to be equal', () => 'that they differ');
      for (const name of names) {
        const { count, time, max } = rig.market.values.get(name) as Values;
        const price = rng.logUniform(1e-3, 1e6);
        const changed = { price, average: price / 3, count: count + 1, time: time + 0.25 };
        session.delta(name, { ...changed, min: price / 2, max }, 31);
      }
      expect(await client.verify(), 'the digests to be equal', () => 'that they differ');
    },
  },
  {
    name: 'verify-empty',
    role: 'subscriber',
    promise: 'Finds itself in sync without any symbol.',
    section: 'VERIFY and DIGEST',
    async run(rig) {
      const { client } = await rig.subscriber(['BTC']);
      expect(await client.verify(), 'the digests to be equal', () => 'that they differ');
    },
  },
  {
    name: 'verify-at-its-place',
    role: 'subscriber',
    promise: 'Compares when DIGEST arrives: every entry before it counts, none after.',
    section: 'VERIFY and DIGEST',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100));
      const { client } = await rig.subscriber(['BTC'], {
        onRequest([op, id], own) {
          if (op !== Op.VERIFY) return false;
          own.delta('BTC', oneTick(101), 51);
          const { digest, symbolCount } = own.digest();
          own.send([Op.DIGEST, id, digest, symbolCount]);
          own.delta('BTC', oneTick(102), 51);
          return true;
        },
      });
      await client.holds('BTC', oneTick(100));
      for (let i = 0; i < 5; i++) {
        const isEqual = await client.verify();
        expect(isEqual, 'the digests to be equal', () => `that they differ, round ${i + 1}`);
      }
    },
  },
  {
    name: 'verify-unequal',
    role: 'subscriber',
    promise: 'Finds out that it is not in sync, and gets everything again.',
    section: 'VERIFY and DIGEST',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100));
      const { client, server } = await rig.subscriber(['BTC'], {
        onRequest([op, id], own) {
          if (op !== Op.VERIFY) return false;
          own.send([Op.DIGEST, id, 12_345, 1]);
          return true;
        },
      });
      await client.holds('BTC', oneTick(100));
      rig.market.values.set('BTC', oneTick(200));
      expect(!(await client.verify()), 'that the digests differ', () => 'equal');
      // It may come again, or only subscribe again.
      void later(rig.stream(server));
      await client.holds('BTC', oneTick(200));
    },
  },
  {
    name: 'verify-refused',
    role: 'subscriber',
    promise: 'Fails with the error where the server cannot verify, and stays connected.',
    section: 'VERIFY and DIGEST',
    async run(rig) {
      const { client, server } = await rig.subscriber(['BTC'], {
        onRequest([op, id], own) {
          if (op !== Op.VERIFY) return false;
          own.send([Op.ERROR, id, 1, 'fields is not 63', false, null]);
          return true;
        },
      });
      const { code } = await client.failure(client.verify(), 'the error');
      expect(code === 1, 'code 1', () => String(code));
      expect((await client.state()) === 'live', 'it to stay live', () => 'another state');
      expect(server.waiting === 0, 'one connection', () => 'another one');
    },
  },
];
