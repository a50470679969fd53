import fc from 'fast-check';

/**
 * Seed of every property test. Fixed, so that a red run repeats; another one searches elsewhere:
 * `TICKWIRE_PROPERTY_SEED=7 npx vitest run test/property`.
 */
const seed = Number(process.env.TICKWIRE_PROPERTY_SEED ?? 1);

// By default fast-check stops at ten elements, whatever maxLength says.
fc.configureGlobal({ seed, defaultSizeToMaxWhenMaxSpecified: true });

export { fc };
