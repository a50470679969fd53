import '@tickwire/client/script';

export const state: string = tickwire.connect('ws://localhost:9001').state;
// @ts-expect-error It has no such export.
export const refused: unknown = tickwire.disconnect;
