/** Alerts out of the house: webhooks. The only entry to this folder, but for its command. */
export { SinkCounter, type SinkFigures } from './sink-figures.ts';
export { readSinks } from './sink-settings.ts';
export { type AlertSource, Sinks } from './sinks.ts';
export { type Environment, resolveSinks, type SinkConfig } from './target.ts';
