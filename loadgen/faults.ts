/** Messages kept at most: the first ones tell what happened, the rest only how often. */
const MESSAGES_MAX = 20;

/** What went wrong during a run, in words. */
export class Faults {
  readonly messages: string[] = [];
  count = 0;

  note(message: string): void {
    this.count++;
    if (this.messages.length < MESSAGES_MAX) this.messages.push(message);
  }
}
