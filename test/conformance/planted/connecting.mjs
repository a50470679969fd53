// Faults in coming back, and of clients that publish: each makes the SDK break a promise.
import { firstSocket, on, rewrite, tamper } from './tampering.mjs';

const [WELCOME, ACK, REJECT, ERROR, GOAWAY] = [16, 17, 18, 30, 31];
const [AUTH, ALIAS, TICKS] = [1, 2, 3];

/** Changes the sequence in WELCOME; `change` takes it and the last ones acknowledged and sent. */
function welcomeSequence(change) {
  let [acknowledged, last] = [0, 0];
  tamper({
    received(frame) {
      const [op, first] = frame;
      if (op === ACK) acknowledged = first;
      if (op !== WELCOME || last === 0) return [frame];
      return [[op, { ...first, sequence: change(first.sequence, { acknowledged, last }) }]];
    },
    sent: on(TICKS, (frame) => {
      last = frame[1];
      return [frame];
    }),
  });
}

export const COMING_BACK = {
  'ends-on-1013': () => tamper({ closed: (code) => (code === 1013 ? 4500 : code) }),
  'ends-on-1006': () => tamper({ closed: (code) => (code === 1006 ? 4500 : code) }),
  'ends-below-4500': () =>
    tamper({ closed: (code) => (code >= 4001 && code < 4500 ? 4500 : code) }),
  'never-ends': () => tamper({ closed: (code) => (code >= 4500 && code < 5000 ? 1006 : code) }),
  'fights-for-its-name': () => tamper({ closed: (code) => (code === 4004 ? 1006 : code) }),
  'waits-without-chance': () => {
    Math.random = () => 0.9;
  },
  // Each wait is up to that of two attempts later, and the longest four times too long.
  'waits-without-bound'() {
    const { random } = Math;
    Math.random = () => 4 * random();
  },
  'keeps-its-token': () => tamper({ sent: on(AUTH, () => []) }),
  'forgets-its-new-token'() {
    let first;
    tamper({
      protocols([encoding, ...token]) {
        first ??= token;
        return [encoding, ...first];
      },
    });
  },
  'deaf-to-goaway': () => tamper({ received: on(GOAWAY, () => []) }),
};

export const PUBLISHING = {
  nameless: () => tamper({ url: (url) => url.replace(/\?publisher=.*/, '') }),
  'ticks-in-single-precision': () =>
    tamper({
      sent: on(TICKS, ([op, sequence, values]) => [
        [op, sequence, values.map((one, i) => (i % 3 === 1 ? Math.fround(one) : one))],
      ]),
    }),
  'ticks-before-welcome': () => tamper({ opened: (socket) => socket.sendFrame([TICKS, 0, []]) }),
  'resends-what-is-settled': () => welcomeSequence((_, { acknowledged }) => acknowledged),
  'takes-sent-for-settled': () => welcomeSequence((sequence, { last }) => Math.max(sequence, last)),
  'doubles-after-a-cut'() {
    const isFirst = firstSocket();
    tamper({
      sent: on(TICKS, ([op, sequence, ticks], socket) => [
        [op, sequence, isFirst(socket) ? ticks : [...ticks, ...ticks]],
      ]),
    });
  },
  'keeps-its-numbers': () =>
    welcomeSequence((sequence, { acknowledged }) => Math.max(sequence, acknowledged)),
  'takes-foreign-for-own': () => welcomeSequence((sequence, { last }) => Math.min(sequence, last)),
  'aliases-declared-once'() {
    const isFirst = firstSocket();
    tamper({ sent: on(ALIAS, (frame, socket) => (isFirst(socket) ? [frame] : [])) });
  },
  'credit-ignored': () =>
    tamper({
      received(frame) {
        if (frame[0] === WELCOME) return [[WELCOME, { ...frame[1], credit: 1_000_000 }]];
        return [frame[0] === ACK ? [...frame.slice(0, 5), 1_000_000] : frame];
      },
    }),
  'deaf-to-errors': () => tamper({ received: on(ERROR, () => []) }),
  'blames-the-first-tick': () =>
    tamper({ received: on(REJECT, ([op, sequence, [, code]]) => [[op, sequence, [0, code]]]) }),
  'takes-bad-ticks': () =>
    rewrite(({ error, ...message }) => [
      error?.message.startsWith('time') ? message : { ...message, ...(error && { error }) },
    ]),
  'acknowledges-itself': () =>
    tamper({
      sent: on(TICKS, (frame, socket) => {
        const [, sequence, values] = frame;
        setTimeout(() => socket.invent([ACK, sequence, values.length / 3, 0, 0, 65_536]));
        return [frame];
      }),
    }),
  'limits-ignored': () =>
    tamper({
      received: on(WELCOME, ([op, { limits, ...info }]) => [
        [op, { ...info, limits: { ...limits, frameBytesMax: 1e8, ticksPerFrameMax: 1e6 } }],
      ]),
    }),
  'counts-twice': () =>
    rewrite((message) => [
      message.result?.resumed > 0
        ? { ...message, result: { ...message.result, accepted: message.result.sent } }
        : message,
    ]),
};
