import { readFileSync } from 'node:fs';

/** A test in a report of pytest. */
export interface PytestCase {
  /** The file's name without its ending, such as `test_publisher`. */
  readonly file: string;
  /** The function's name, without parameters. */
  readonly name: string;
  /** Why it did not pass, with pytest's output; undefined if it passed. */
  readonly failure: string | undefined;
}

const HEAD = /<testcase classname="(?<module>[^"]*)" name="(?<name>[^"]*)"[^>]*?/;
const CASE = new RegExp(`${HEAD.source}(?:/>|>(?<rest>[\\s\\S]*?)</testcase>)`, 'g');

/** The cases of a report that pytest wrote with `--junitxml`. */
export function readPytestReport(path: string): readonly PytestCase[] {
  return [...readFileSync(path, 'utf8').matchAll(CASE)].map(({ groups = {} }) => {
    const { module = '', name = '', rest = '' } = groups;
    return {
      file: module.split('.').at(-1) ?? '',
      name: name.replace(/\[.*$/, ''),
      failure: /<(?:failure|error|skipped)\b/.test(rest) ? unescaped(rest) : undefined,
    };
  });
}

/** The names of the test functions in a Python file, which pytest will run. */
export function testFunctions(path: string): readonly string[] {
  const definitions = readFileSync(path, 'utf8').matchAll(/^(?:async )?def (test_\w+)\(/gm);
  return [...definitions].map(([, name]) => name as string);
}

const ENTITIES = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['amp', '&'],
  ['#10', '\n'],
]);

function unescaped(text: string): string {
  return text.replace(
    /&(lt|gt|quot|amp|#10);/g,
    (whole, name: string) => ENTITIES.get(name) ?? whole,
  );
}
