import { SubscriberGroup } from './subscriber-group.ts';
import type { GroupReply, GroupRequest } from './subscriber-host.ts';

/*
 * The entry of a process that holds subscribers, so that reading entries and sending ticks do not
 * wait for each other. The parent asks, one call at a time; each call gets one reply.
 */

let group: SubscriberGroup | undefined;

function reply(message: GroupReply): void {
  process.send?.(message);
}

async function handle(request: GroupRequest): Promise<GroupReply> {
  if (request.call === 'start') {
    group = new SubscriberGroup(request.options);
    await group.start();
    return { call: 'start' };
  }
  if (group === undefined) throw new Error('not started');
  switch (request.call) {
    case 'measure':
      group.measure(request.fromMs);
      return { call: 'measure' };
    case 'progress':
      return { call: 'progress', progress: group.progress() };
    case 'finish':
      return { call: 'finish', result: await group.finish(request.published) };
  }
}

process.on('message', (request: GroupRequest) => {
  handle(request).then(reply, (error: unknown) => {
    reply({ call: 'failed', message: (error as Error).message });
  });
});

// Without its parent nobody asks any more. An interrupt from the terminal reaches both: the parent
// decides.
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => undefined);
