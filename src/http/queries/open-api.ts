import { openApiDocument } from '../api-docs/openapi-document.ts';
import type { Handler } from '../handler.ts';
import { jsonResponse } from '../json-response.ts';

/** `GET /openapi.json`: the description of this API. */
export function openApi(version: string): Handler {
  const response = jsonResponse(200, openApiDocument(version));
  return () => response;
}
