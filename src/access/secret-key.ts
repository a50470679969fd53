import { createSecretKey } from 'node:crypto';
import type { KeySource } from './key-source.ts';

/** The secret of HS256. There is one, so whatever `kid` a token names, it is this. */
export function secretKey(secret: string): KeySource {
  const keys = [createSecretKey(secret, 'utf8')];
  return {
    algorithms: ['HS256'],
    version: 0,
    keysFor: () => Promise.resolve(keys),
    // It is part of the configuration, which is read once.
    reload: () => Promise.resolve(),
  };
}
