import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** Answers a published message, of headers and payload; undefined: it stays unanswered. */
type Answers = (subject: string, message: string) => object | undefined;

const INFO = { server_id: 'scripted', version: '2.12.0', headers: true, max_payload: 1_048_576 };
const ACCOUNT = 'io.nats.jetstream.api.v1.account_info_response';
const HEAD = /^(?<op>[A-Z]+) ?(?<rest>[^\r]*)\r\n/;

/** As much of the protocol of NATS as a client needs to append, for answers on demand. */
export class ScriptedNats {
  readonly #server: Server;
  readonly #answers: Answers;

  private constructor(answers: Answers) {
    this.#answers = answers;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(answers: Answers): Promise<ScriptedNats> {
    const scripted = new ScriptedNats(answers);
    scripted.#server.listen(0, '127.0.0.1');
    await once(scripted.#server, 'listening');
    return scripted;
  }

  get address(): string {
    return `nats://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
  }

  #serve(socket: Socket): void {
    /** By the subject up to its last token. */
    const subscriptions = new Map<string, string>();
    let unread = '';
    socket.write(`INFO ${JSON.stringify(INFO)}\r\n`);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      unread += chunk.toString('latin1');
      for (let head = HEAD.exec(unread); head !== null; head = HEAD.exec(unread)) {
        const { op, rest = '' } = head.groups ?? {};
        const words = rest.split(' ');
        const isMessage = op === 'PUB' || op === 'HPUB';
        const end = head[0].length + (isMessage ? Number(words.at(-1)) + 2 : 0);
        if (unread.length < end) return;
        const message = unread.slice(head[0].length, end);
        unread = unread.slice(end);
        if (op === 'PING') socket.write('PONG\r\n');
        if (op === 'SUB') subscriptions.set(parentOf(words[0] ?? ''), words.at(-1) ?? '');
        if (!isMessage) continue;
        const [subject = '', reply = ''] = words;
        const id = subscriptions.get(parentOf(reply));
        const answer =
          subject === '$JS.API.INFO' ? { type: ACCOUNT } : this.#answers(subject, message);
        if (id === undefined || answer === undefined) continue;
        const text = JSON.stringify(answer);
        socket.write(`MSG ${reply} ${id} ${text.length}\r\n${text}\r\n`);
      }
    });
  }
}

function parentOf(subject: string): string {
  return subject.slice(0, subject.lastIndexOf('.'));
}
