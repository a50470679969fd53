import { ATTACKS } from './attacks.ts';

/*
 * One attacker in a process of its own: attacker-process NAME PORT, told by messages to start and
 * stop.
 */
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
