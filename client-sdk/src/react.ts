'use client'; // So that server components may import it: Next then runs it in the page.

/** Live statistics, anomalies and alerts in React components. */
export {
  TickwireProvider,
  type TickwireProviderProps,
  useConnectionState,
  useIsLagging,
  useTickwire,
} from './react/tickwire-provider.ts';
export { type UseAlertsOptions, useAlerts } from './react/use-alerts.ts';
export { type UseAnomaliesOptions, useAnomalies } from './react/use-anomalies.ts';
export { useSymbol } from './react/use-symbol.ts';
export { useSymbols } from './react/use-symbols.ts';
export type { SortField, SymbolListOptions, SymbolOrder } from './subscriber/symbol-list.ts';
export type { SymbolSnapshot } from './subscriber/symbol-statistics.ts';
