import { onTestFinished } from 'vitest';
import { ManagedProcess } from '../../testkit/managed-process.ts';

const HOME = '\x1b[H';
/** Ends a drawing. */
const CLEAR_BELOW = '\x1b[J';
const CONTROLS = new RegExp(`${String.fromCharCode(27)}\\[[\\d;?]*[A-Za-z]`, 'g');
const CTRL_C = '\x03';

export interface TerminalOptions {
  readonly rows: number;
  readonly columns: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A program on a terminal of its own, which `script` (of every Linux) makes. */
export class Terminal {
  readonly #program: ManagedProcess;

  /** Starts it; it ends with the test. */
  static startForTest(
    command: readonly string[],
    { rows, columns, env }: TerminalOptions,
  ): Terminal {
    const words = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    const line = `stty rows ${rows} columns ${columns}; exec ${words}`;
    const program = new ManagedProcess('script', ['-qefc', line, '/dev/null'], {
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        SHELL: '/bin/sh',
        TERM: 'xterm',
        ...env,
      },
      hasInput: true,
    });
    onTestFinished(async () => {
      await program.end();
    });
    return new Terminal(program);
  }

  private constructor(program: ManagedProcess) {
    this.#program = program;
  }

  /** All that was written, control sequences included. */
  get output(): string {
    return this.#program.output;
  }

  /** The same without them. */
  get text(): string {
    return this.output.replaceAll(CONTROLS, '');
  }

  /** Resolves with the exit code of the program. */
  get exited(): Promise<number | string> {
    return this.#program.exited;
  }

  /** The lines of the newest whole drawing, without colours; none before the first. */
  get screen(): readonly string[] {
    const drawings = this.output.split(HOME).filter((text) => text.includes(CLEAR_BELOW));
    const [drawing = ''] = (drawings.at(-1) ?? '').split(CLEAR_BELOW);
    return drawing.replaceAll(CONTROLS, '').split(/\r*\n/).slice(0, -1);
  }

  /** As by the keyboard: the terminal interrupts all programs in its foreground. */
  interrupt(): void {
    this.#program.child.stdin?.write(CTRL_C);
  }
}
