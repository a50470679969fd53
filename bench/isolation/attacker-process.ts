import { ATTACKS } from './attacks.ts';

/** Child process: `attacker-process NAME PORT`, started and stopped by messages. */
const [name = '', port = ''] = process.argv.slice(2);
const attack = ATTACKS[name]?.();
if (attack === undefined) throw new Error(`no attack is named ${name}`);
process.on('message', (order) => {
  if (order === 'start') attack.start(Number(port));
  else attack.stop();
});
process.on('disconnect', () => process.exit());
await attack.prepare(Number(port));
process.send?.('ready');
