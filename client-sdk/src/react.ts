/** Live statistics and anomalies in React components. */
export type { SymbolSnapshot } from './react/symbol-snapshot.ts';
export { TickwireProvider, type TickwireProviderProps } from './react/tickwire-provider.ts';
export { type UseAnomaliesOptions, useAnomalies } from './react/use-anomalies.ts';
export { useSymbol } from './react/use-symbol.ts';
export { useConnectionState, useTickwire } from './react/use-tickwire.ts';
