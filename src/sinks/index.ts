/** Alerts out of the house: webhooks. */
export { SinkCounter, type SinkFigures } from './sink-figures.ts';
