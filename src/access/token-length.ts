/** The longest token that is looked at, characters. */
export const TOKEN_LENGTH_MAX = 8_192;
