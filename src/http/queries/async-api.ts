import { asyncApiDocument } from '../api-docs/asyncapi-document.ts';
import type { Handler } from '../handler.ts';
import { jsonResponse } from '../json-response.ts';

/** `GET /asyncapi.json`: the description of the WebSocket protocol. */
export function asyncApi(version: string): Handler {
  const response = jsonResponse(200, asyncApiDocument(version));
  return () => response;
}
