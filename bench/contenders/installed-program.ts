import { execFile } from 'node:child_process';

/** Where Debian puts servers is not on everybody's path. */
const FOLDERS = ['', '/usr/sbin/', '/usr/local/sbin/'];
const TIMEOUT_MS = 5000;

/** A program of the operating system, found and asked for its version. */
export interface InstalledProgram {
  readonly command: string;
  readonly version: string;
}

/** How to find a program: what makes it tell its version, and how to read that. */
export interface ProgramQuestion {
  readonly name: string;
  readonly flag: string;
  /** Its first group is the version. */
  readonly version: RegExp;
}

/** The program, or undefined where it is not installed or does not start. Never throws. */
export async function findProgram(
  question: ProgramQuestion,
): Promise<InstalledProgram | undefined> {
  for (const folder of FOLDERS) {
    const command = folder + question.name;
    const version = question.version.exec(await outputOf(command, question.flag))?.[1];
    if (version !== undefined) return { command, version };
  }
  return undefined;
}

/** What it wrote, whatever its exit code: some programs end with 1 after their help. */
function outputOf(command: string, flag: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(command, [flag], { timeout: TIMEOUT_MS }, (_error, stdout, stderr) => {
      resolve(stdout + stderr);
    });
  });
}
