import type { Handler, QueryContext } from '../context.ts';
import { jsonResponse } from '../json.ts';
import { formatRfc3339 } from '../rfc-3339.ts';

/** What a server that is alone answers: a page that asks should not have to fail. */
const ALONE = { name: null, isConnected: false, members: [], shards: [] };

/** `GET /api/cluster`: members and shards of the cluster. */
export function clusterOverview({ cluster }: QueryContext): Handler {
  return async () => {
    if (cluster === undefined) return jsonResponse(200, ALONE);
    const { members, ...overview } = await cluster.overview();
    const shown = members.map(({ since, ...rest }) => ({ ...rest, since: formatRfc3339(since) }));
    return jsonResponse(200, { ...overview, members: shown });
  };
}
