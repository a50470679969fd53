/** A rule of 2 % within a second, whose episodes nothing ends by the clock. */
export const FLASH = {
  name: 'flash',
  kind: 'spike',
  symbols: ['*'],
  windowMs: 1000,
  warning: '2%',
  episode: { holdMs: 600_000 },
};
