import * as z from 'zod';
import { nameText, permissionsSchema } from './permissions.ts';

/** The last second of the year 9999: later dates are mistakes of units. */
const SECONDS_MAX = 253_402_300_799;

const EXPIRY_EXPECTED = 'seconds since 1970, up to the year 9999';

/** The claims of a signed token that say who its bearer is. Other claims are for others, and are left alone. */
export const claimsSchema = z.object({
  sub: nameText(),
  jti: nameText().optional(),
  exp: z
    .number({ error: EXPIRY_EXPECTED })
    .min(0, { error: EXPIRY_EXPECTED })
    .max(SECONDS_MAX, { error: EXPIRY_EXPECTED }),
  tickwire: permissionsSchema.optional(),
});
