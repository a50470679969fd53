import { RequestProblem } from './request-problem.ts';
import { shownValue } from './shown-value.ts';

/** The problem of a symbol that has had no tick. */
export function unknownSymbol(symbol: string): RequestProblem {
  return new RequestProblem(404, `No price of ${shownValue(symbol)} has come yet.`);
}
