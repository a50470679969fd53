import { mqttWire } from '../wires/mqtt.ts';
import { reasonAgainst, startConfigured, versionOf } from './configured-server.ts';
import type { Contender } from './contender.ts';

const QUESTION = {
  name: 'mosquitto',
  // It has no flag for its version alone (-v: verbose); the help begins with it.
  flag: '-h',
  version: /mosquitto version (\S+)/,
} as const;

/**
 * Mosquitto's own WebSocket listener, at QoS 0. Before version 2.1 it serves that listener beside its own event loop, which
 * may let a message wait when there are few of them (77 ms were seen): judge it by CPU time rather than by latency.
 */
export const mosquitto: Contender = {
  name: 'Mosquitto',
  description: 'passes ready bytes on by topic; written in C, on one processor',
  wire: mqttWire,
  kinds: new Set(['fan-out']),
  unavailable: () => reasonAgainst(QUESTION),
  version: () => versionOf(QUESTION),
  start: () => startConfigured({ question: QUESTION, configFlag: '-c', config }),
};

/**
 * It does not start with a WebSocket listener alone: it gets a socket in its folder too, which it may make because it stays
 * the user that it is started as. Without a limit to its queues it drops nothing that a subscriber is a moment late to take.
 */
function config(port: number, folder: string): string {
  return `
user root
listener 0 ${folder}/unused.sock
listener ${port} 127.0.0.1
protocol websockets
socket_domain ipv4
allow_anonymous true
persistence false
max_queued_messages 0
set_tcp_nodelay true
sys_interval 0
connection_messages false
log_dest stderr
log_type error
log_type warning
`;
}
