import { connect } from '../../client-sdk/src/index.ts';
import { LoadSocket } from '../ws-socket.ts';

/*
 * The entry of a process of subscribers that its parent kills at any moment. Arguments: an address,
 * and how many.
 */

const [url = '', count = '1'] = process.argv.slice(2);
for (let i = 0; i < Number(count); i++) {
  const options = { WebSocket: LoadSocket, ...(i % 2 === 0 ? {} : { conflateMs: 50 * i }) };
  connect(url, options).subscribe(i % 3 === 0 ? '*' : `P${i % 4}:*`);
}
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => undefined);
