import {
  decodeFrame,
  NameKind,
  ProtocolError,
  readTicksFrame,
  TickBatch,
  TicksReader,
} from '../../src/protocol/index.ts';
import { batchContent } from '../../testkit/batch-content.ts';
import { type Target, Violation } from '../engine/target.ts';
import { FRAME_MAKERS } from '../generate/frames.ts';
import { encodeSomehow } from '../generate/values.ts';
import { expectSame } from './same.ts';

const RECEIPT = 1_700_000_000_000.5;
const TICKS_MAX = 4096;

type Content = ReturnType<typeof batchContent> | ProtocolError | undefined;

/** The fast reader of TICKS frames against the general decoder: what is taken, and what it says. */
export function ticksReader(): Target {
  const reader = new TicksReader(TICKS_MAX);
  const batches = [new TickBatch(), new TickBatch()] as const;
  const outcome = (batch: TickBatch, read: () => boolean): Content => {
    try {
      return read() ? batchContent(batch) : undefined;
    } catch (error) {
      if (error instanceof ProtocolError) return error;
      throw error;
    }
  };
  const readGenerally = (bytes: Uint8Array) => {
    readTicksFrame(decodeFrame(bytes), batches[1], RECEIPT, TICKS_MAX);
    return true;
  };
  const [makeTicks] = FRAME_MAKERS.publish;
  return {
    name: 'ticks-reader',
    covers: ['protocol/ticks-reader', 'protocol/tick-batch', 'protocol/message-pack-check'],
    dictionary: ['\x93\x03', '\xdc', '\xdd\x00\x00', '\xcb', '\xc0', '\xd9\x20'],
    seeds: () => [Buffer.from('93030193a141cb3ff8000000000000c0', 'hex')],
    generate: (random) => encodeSomehow(random, makeTicks?.(random)),
    execute: (bytes) => {
      const fast = outcome(batches[0], () => reader.read(bytes, batches[0], RECEIPT));
      if (fast === undefined) return;
      const general = outcome(batches[1], () => readGenerally(bytes));
      // A text that is not UTF-8 spoils its tick only on the fast path, where it is judged with the
      // symbol.
      if (general instanceof Error && general.message.includes('bad UTF-8')) return;
      if (fast instanceof Error || general instanceof Error) {
        expectSame('taken', !(fast instanceof Error), !(general instanceof Error));
      } else {
        expectSame('content', fast, general);
      }
      expectTexts(batches[0]);
    },
  };
}

function expectTexts({ count, kinds, names, lengths, text }: TickBatch): void {
  for (let i = 0; i < count; i++) {
    const end = (names[i] as number) + (lengths[i] as number);
    if (kinds[i] === NameKind.TEXT && end > text.length)
      throw new Violation('a name beyond the frame');
  }
}
